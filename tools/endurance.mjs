// Restores and releases in one process, over and over: npm run endurance -- --restores 100000 [--workers 4] [--rounds 20]
// Prints after each round what the process holds. Exits with 1 when it holds another number of fds, threads or mounts
// than after the first round, or when its memory grows by more than a leak of 256 bytes a restore would explain.
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { parseMountinfo, restoreTree, restoreTreeSync } from 'mountyard';

const TREE = parseMountinfo(`1 0 0:1 / / rw,relatime - tmpfs root rw
2 1 0:2 / /a ro,nosuid,relatime shared:1 - tmpfs disk rw
3 1 0:2 /x /b rw,relatime master:1 - tmpfs disk rw
4 1 0:2 /gone//deleted /c rw,relatime - tmpfs disk rw
5 2 0:3 / /a/d rw,relatime shared:2 - tmpfs deep rw
`);
/** The root has room for one directory, and three are needed: the restore fails half way. */
const TOO_SMALL = parseMountinfo(`1 0 0:1 / / rw - tmpfs root rw,nr_inodes=2
2 1 0:2 / /a rw - tmpfs a rw
3 1 0:3 / /b rw - tmpfs b rw
4 1 0:4 / /c rw - tmpfs c rw
`);

/** Every way to restore, in turn. */
function waysOf(at) {
  return [
    () => restoreTreeSync(TREE),
    () => restoreTree(TREE),
    () => restoreTree(TREE, { engine: 'yard' }),
    () => restoreTreeSync(TREE, { into: { at } }),
    () => restoreTree(TREE, { into: { at }, engine: 'yard' }),
    () => restoreTree(TREE, { userNamespace: 'self' }),
    () => restoreTreeSync(TOO_SMALL, { into: { at } }),
    () => restoreTree(TREE, { signal: cancelledSoon() }),
  ];
}

function cancelledSoon() {
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  return controller.signal;
}

const EXPECTED_ERRORS = new Set(['ENOSPC', 'ERR_MOUNTYARD_CANCELLED']);

async function restoreMany(count, ways) {
  for (let done = 0; done < count; done += 1) {
    try {
      const restored = await ways[done % ways.length]();
      if (restored.differences.length > 0) throw new Error(`restore ${done} is not the same`);
      restored.release();
    } catch (error) {
      if (!EXPECTED_ERRORS.has(error.code)) throw error;
    }
  }
}

if (isMainThread) await main();
else {
  const ways = waysOf(workerData.at);
  parentPort.on('message', async (count) => {
    await restoreMany(count, ways);
    globalThis.gc();
    parentPort.postMessage('done');
  });
}

async function main() {
  const { values } = parseArgs({
    options: {
      restores: { type: 'string', default: '100000' },
      workers: { type: 'string', default: '4' },
      rounds: { type: 'string', default: '20' },
    },
  });
  const [restores, workers, rounds] = [values.restores, values.workers, values.rounds].map(Number);
  const share = Math.ceil(restores / workers / rounds);
  const place = mkdtempSync(join(tmpdir(), 'mountyard-endurance-'));
  const started = performance.now();
  const crew = Array.from({ length: workers }, (_, index) => workerAt(join(place, String(index))));
  const rows = [];
  print('restores', 'seconds', 'RSS KiB', 'heap KiB', 'fds', 'threads', 'mounts');
  for (let round = 1; round <= rounds; round += 1) {
    const answers = crew.map((worker) => once(worker, 'message'));
    for (const worker of crew) worker.postMessage(share);
    await Promise.all(answers);
    const row = await settled(rows[0]);
    rows.push(row);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    print(round * share * workers, seconds, row.rss, row.heap, row.fds, row.threads, row.mounts);
  }
  for (const worker of crew) await worker.terminate();
  rmSync(place, { recursive: true });
  judge(rows, share * workers);
}

function workerAt(at) {
  mkdirSync(at);
  const worker = new Worker(new URL(import.meta.url), { workerData: { at }, execArgv: [] });
  worker.once('error', (error) => {
    throw error;
  });
  return worker;
}

/** What the process holds once the threads of the last restores have gone, which nobody waits for. */
async function settled(first) {
  let row = holdings();
  for (let tries = 0; tries < 50 && first && row.threads > first.threads; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    row = holdings();
  }
  return row;
}

function holdings() {
  globalThis.gc();
  const { rss, heapUsed } = process.memoryUsage();
  return {
    rss: Math.round(rss / 1024),
    heap: Math.round(heapUsed / 1024),
    fds: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    mounts: readFileSync('/proc/self/mountinfo', 'latin1').split('\n').length - 1,
  };
}

function judge(rows, each) {
  const [first] = rows;
  for (const name of ['fds', 'threads', 'mounts']) {
    const other = rows.find((row) => row[name] !== first[name]);
    if (other) fail(`${name}: ${first[name]} after the first round, ${other[name]} later`);
  }
  // RSS goes up and down with what the kernel reclaims and V8 collects: peaks are compared, of the two halves.
  const half = rows.length >> 1;
  const peak = (some) => Math.max(...some.map(({ rss }) => rss));
  const restores = each * (rows.length - half);
  const growth = (peak(rows.slice(half)) - peak(rows.slice(0, half))) * 1024;
  console.log(`peak RSS, second half against first: ${(growth / restores).toFixed(1)} bytes a restore`);
  if (restores >= 10_000 && growth > 256 * restores) fail('RSS grows');
}

function fail(why) {
  console.error(`endurance: ${why}`);
  process.exitCode = 1;
}

function print(...cells) {
  console.log(cells.map((cell) => String(cell).padStart(9)).join(''));
}
