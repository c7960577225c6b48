/** Workers that are terminated: no JavaScript of theirs runs any more. */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, test } from 'vitest';
import { openFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { children } from './state.ts';

const LIBRARY = new URL('../../dist/index.js', import.meta.url).href;
const MOUNTS = 5000;

/** Starts a worker with the library; it says what its code says. */
async function workerThat(code: string): Promise<{ worker: Worker; said: unknown }> {
  const whole = `
    const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(LIBRARY)}).then(async (mountyard) => { ${code} });`;
  const worker = new Worker(whole, { eval: true });
  const said = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  return { worker, said };
}

/** Of a worker that has ended Node reaps no child: it stays a zombie, which has no executable. */
function living(): string[] {
  return children().filter((pid) => existsSync(`/proc/${pid}/exe`));
}

const HUGE = `
  const lines = Array.from({ length: ${MOUNTS} }, (_, i) => (i + 2) + ' 1 0:2 /d' + i + ' /m' + i + ' rw - tmpfs d rw\\n');
  const tree = mountyard.parseMountinfo('1 0 0:1 / / rw - tmpfs r rw\\n' + lines.join(''));`;

const HELD = {
  'a tree': `
    globalThis.held = mountyard.restoreTreeSync(mountyard.parseMountinfo('1 0 0:1 / / rw - tmpfs r rw\\n'));`,
  'a tree with namespaces of its own': `
    globalThis.held = mountyard.restoreTreeSync(mountyard.parseMountinfo('1 0 0:1 / / rw - tmpfs r rw\\n'), {
      newNamespaces: ['pid', 'net'],
    });`,
  'fds of many paths': `
    globalThis.held = Array.from({ length: 20 }, () => mountyard.sys.openat2('/'));
    held.pop().release();`,
};

describe.skipIf(!isMachineRoot)('what a terminated worker held is let go of', () => {
  beforeAll(async () => {
    const { worker } = await workerThat("parentPort.postMessage('ready');"); // what Node opens once
    await worker.terminate();
  });

  test.each(Object.entries(HELD))('%s', async (name, code) => {
    const processes = living();
    const now = openFds();
    const { worker, said } = await workerThat(
      `${code} setInterval(() => {}, 1000); parentPort.postMessage('held');`,
    );
    expect(said).toBe('held');
    const held = openFds().length;
    await worker.terminate();
    expect(held).toBeGreaterThan(now.length);
    const released = name === 'fds of many paths' ? 1 : 0; // is the caller's
    await expect.poll(() => openFds().length, { timeout: 5000 }).toBe(now.length + released);
    await expect.poll(living, { timeout: 5000 }).toEqual(processes);
  });

  test('whatever it was at when it ended', async () => {
    const fds = openFds();
    for (let wait = 0; wait < 400; wait += 25) {
      const { worker } = await workerThat(`${HUGE}
        parentPort.postMessage('ready');
        for (;;) (await mountyard.restoreTree(tree)).release();`);
      await delay(wait);
      await worker.terminate();
      expect(openFds(), `after ${wait} ms`).toEqual(fds);
    }
  }, 120_000);
});
