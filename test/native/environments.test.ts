import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { native, type RunPlace } from '../../lib/system/calls/native.ts';
import { runAsync } from '../support/async-run.ts';
import { answersOfWorkers } from '../support/workers.ts';
import { hasEveryId } from './ids.ts';
import { build, open, slow, type TestProgram, tmpfs } from './program-builder.ts';
import { runSpawned, startSpawned } from './spawn.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const addon = `(process.env.MOUNTYARD_ADDON ? require(require('node:path').resolve(process.env.MOUNTYARD_ADDON)) : require('node-gyp-build')(${JSON.stringify(root)}))`;
const thread = { kind: 'thread' } as const;

function base64(program: TestProgram): string {
  return build(program).toString('base64');
}

describe('worker threads', () => {
  test('each load the addon and run programs at once', async () => {
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      const native = ${addon};
      const request = { program: Buffer.from(workerData, 'base64'), imports: new Int32Array(0), place: { kind: 'thread' } };
      const first = native.runSync(request);
      const run = native.start(request);
      run.over.then(() => parentPort.postMessage([first.status, run.take().status]));`;
    const workerData = base64({ main: tmpfs(1, 0) });
    expect(await answersOfWorkers(4, code, workerData)).toEqual(Array(4).fill(['done', 'done']));
  });

  test('may be terminated while a program runs, which is cancelled', async () => {
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      ${addon}.start({
        program: Buffer.from(workerData.program, 'base64'), imports: new Int32Array(0),
        place: { kind: 'thread' }, control: workerData.control,
      });
      parentPort.postMessage('running');`;
    const count = 50_000;
    const control = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(code, { eval: true, workerData: { program: base64(slow(count)), control } });
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
    const done = control[1];
    expect(control[0]).toBe(1);
    expect(done).toBeLessThan(count);
    await delay(20);
    expect(control[1]).toBe(done);
  });
});

test('a process may exit while a program runs, and is not kept from it', () => {
  const code = `
    const native = ${addon};
    native.start({ program: Buffer.from(process.env.PROGRAM, 'base64'), imports: new Int32Array(0), place: { kind: 'thread' } });
    setImmediate(() => process.exit(7));`;
  // The thread that is left behind is what this test is about, so ThreadSanitizer need not say so.
  const TSAN_OPTIONS = `${process.env.TSAN_OPTIONS ?? ''}:report_thread_leaks=0`;
  const env = { ...process.env, NODE_OPTIONS: '', TSAN_OPTIONS, PROGRAM: base64(slow(1_000)) };
  expect(spawnSync(process.execPath, ['-e', code], { env }).status).toBe(7);
});

test.skipIf(!hasEveryId)(
  'a thread that cannot start is a result, no abort (skipped without all ids: it changes user)',
  () => {
    const code = `
    const native = ${addon};
    const request = { program: Buffer.from(process.env.PROGRAM, 'base64'), imports: new Int32Array(0), place: { kind: 'thread' } };
    const run = native.start(request);
    run.over.then(() => console.log(JSON.stringify([native.runSync(request), run.take()])));`;
    // Root is exempt from RLIMIT_NPROC, and libuv's pool must not need threads of its own.
    const output = execFileSync(
      'setpriv',
      [
        '--reuid',
        '64123',
        '--regid',
        '64123',
        '--clear-groups',
        'node',
        '--v8-pool-size=0',
        '-e',
        `
      require('node:child_process').execFileSync('prlimit', ['--pid', String(process.pid), '--nproc=1:1']);${code}`,
      ],
      { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '', PROGRAM: base64({ main: [] }) } },
    );
    for (const result of JSON.parse(output))
      expect(result).toMatchObject({ status: 'failed', op: -1, stage: 'thread', errno: 11 });
  },
);

describe('retries, under strace', () => {
  const hasStrace = spawnSync('strace', ['-V']).status === 0;
  const inject = (error: string, times: number) => [
    'strace',
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    'trace=fchdir',
    '-e',
    `inject=fchdir:error=${error}:when=1..${times}`,
  ];
  const program = build({ main: [open(undefined, '/', 0), { call: 'fchdir', a: 0, retries: 2 }] });

  test.skipIf(!hasStrace).each(['EAGAIN', 'EINTR'])(
    '%s is tried again as often as the op says (skipped without strace)',
    (error) => {
      expect(runSpawned(inject(error, 2), program, thread)).toMatchObject({ status: 'done' });
      expect(runSpawned(inject(error, 3), program, thread)).toMatchObject({ status: 'failed', op: 1 });
    },
  );

  test.skipIf(!hasStrace)('no other errno is tried again (skipped without strace)', () => {
    expect(runSpawned(inject('EBUSY', 1), program, thread)).toMatchObject({
      status: 'failed',
      op: 1,
      errno: 16,
    });
  });
});

const ownMounts: RunPlace = {
  kind: 'fork',
  unshare: 0x20000,
  uidMap: Buffer.of(),
  setgroups: Buffer.of(),
  gidMap: Buffer.of(),
};
const ownPids: RunPlace = { ...ownMounts, unshare: 0x20020000 };

describe('a program that never ends', () => {
  let directory: string;
  let endless: Buffer;

  // It opens a FIFO that nobody writes to.
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'mountyard-'));
    const fifo = path.join(directory, 'fifo');
    expect(native.sys.mknodat(-100, Buffer.from(fifo), 0o010600, 0n)).toBe(0);
    endless = build({ main: [open(undefined, fifo, 0, { f1: 0o2000000n })] });
  });

  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  test('fails when its child is killed', async () => {
    const running = runAsync({ program: endless, imports: new Int32Array(0), place: ownMounts });
    const [child] = await descendantsOf(process.pid, 1);
    process.kill(child as number, 'SIGKILL');
    expect(await running).toMatchObject({ status: 'failed', op: -1, stage: 'child', exports: [] });
  });

  test.each([
    ['its child', ownMounts, 1],
    ['its child and the one that is pid 1', ownPids, 2],
  ])('dies with its process, which takes %s along', async (_, where, generations) => {
    const node = startSpawned(endless, where);
    const pids = await descendantsOf(node.pid as number, generations);
    node.kill('SIGKILL');
    // A zombie, which some init reaps later, has no executable.
    while (pids.some((pid) => existsSync(`/proc/${pid}/exe`))) await delay(5);
  });
});

/** The child, the child's child and so on, once there are as many generations. */
async function descendantsOf(pid: number, generations: number): Promise<number[]> {
  for (;;) {
    const pids: number[] = [];
    for (let last: number | undefined = pid; last !== undefined; last = childrenOf(last)[0]) pids.push(last);
    if (pids.length > generations) return pids.slice(1);
    await delay(5);
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}
