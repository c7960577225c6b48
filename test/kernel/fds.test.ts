import { readdirSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { CancelledError } from '../../lib/errors.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { Progress } from '../../lib/system/restore/execute.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { wideTable } from '../support/big-trees.ts';
import { openFds } from '../support/open-fds.ts';
import { isRoot } from '../support/privilege.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';

const TREE = parseMountinfo(
  [
    '1 0 0:1 / / rw,relatime - tmpfs root rw',
    '2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw',
    '3 1 0:2 /x /b rw,relatime master:1 - tmpfs disk rw',
    '',
  ].join('\n'),
);
const WIDE = parseMountinfo(wideTable(3000));

const threads = () => readdirSync('/proc/self/task').length;

/** `work` leaves open fds, threads and mount table as it found them. */
async function leavesNothing(work: () => Promise<void> | void): Promise<void> {
  await (await restoreTree(TREE)).release(); // what Node starts and opens once
  const before = { fds: openFds(), threads: threads(), table: mountTable() };
  await work();
  expect(openFds()).toEqual(before.fds);
  await vi.waitFor(() => expect(threads()).toBeLessThanOrEqual(before.threads));
  expect(mountTable()).toBe(before.table);
}

describe.skipIf(!isRoot)('one process', () => {
  test('restores and releases 200 times, and holds nothing after', async () => {
    await leavesNothing(async () => {
      for (let i = 0; i < 100; i += 1) {
        restoreTreeSync(TREE).release();
        const restored = await restoreTree(TREE);
        restored.release();
      }
    });
  });

  test('attaches and releases 50 times', async () => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    await leavesNothing(async () => {
      for (let i = 0; i < 25; i += 1) {
        restoreTreeSync(TREE, { into: { at } }).release();
        const restored = await restoreTree(TREE, { into: { at } });
        restored.release();
      }
    });
  });

  test('restores 20 trees at once, in as many namespaces', async () => {
    await leavesNothing(async () => {
      const all = await Promise.all(Array.from({ length: 20 }, () => restoreTree(TREE)));
      for (const { differences } of all) expect(differences).toEqual([]);
      const devices = all.map(({ tree }) => tree.root?.device);
      expect(new Set(devices).size).toBe(20);
      for (const restored of all) restored.release();
    });
  });

  test('restores one tree while it cancels another', async () => {
    await leavesNothing(async () => {
      const controller = new AbortController();
      const cancelled = restoreTree(WIDE, { signal: controller.signal });
      controller.abort();
      const [first, second] = await Promise.allSettled([cancelled, restoreTree(TREE)]);
      expect(first).toMatchObject({ status: 'rejected', reason: expect.any(CancelledError) });
      expect(second.status).toBe('fulfilled');
      if (second.status === 'fulfilled') second.value.release();
    });
  });
});

describe.skipIf(!isRoot)('an AbortSignal', () => {
  test('that fired before stops it before the first call', async () => {
    await leavesNothing(async () => {
      const reason = new Error('not any more');
      const error = await restoreTree(TREE, { signal: AbortSignal.abort(reason) }).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'ERR_MOUNTYARD_CANCELLED', reason });
    });
  });

  test('that fires while the tree is built takes everything back, attached or not', async () => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    await leavesNothing(async () => {
      for (const into of [{ namespace: 'new' }, { at }] as const) {
        const controller = new AbortController();
        const work = restoreTree(WIDE, { into, signal: controller.signal });
        setImmediate(() => controller.abort(new Error('enough')));
        await expect(work).rejects.toMatchObject({ code: 'ERR_MOUNTYARD_CANCELLED', message: /taken back/ });
      }
    });
  });

  test('that fires after the end changes nothing', async () => {
    const controller = new AbortController();
    using restored = await restoreTree(TREE, { signal: controller.signal });
    controller.abort();
    expect(restored.namespace?.capture().size).toBe(3);
  });
});

test.skipIf(!isRoot)('onProgress counts calls up to the whole', async () => {
  const seen: Progress[] = [];
  using restored = await restoreTree(WIDE, { onProgress: (progress) => seen.push(progress) });
  const total = restored.report.calls;
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.at(-1)).toEqual({ done: total, total });
  for (const [i, { done }] of seen.entries()) expect(done).toBeGreaterThanOrEqual(seen[i - 1]?.done ?? 0);
});

test.skipIf(!isRoot)('an onProgress that throws loses nothing of the restore', async () => {
  const thrown: Error[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error));
  try {
    using restored = await restoreTree(WIDE, {
      onProgress() {
        throw new Error('of the listener');
      },
    });
    expect(restored.differences).toEqual([]);
  } finally {
    process.setUncaughtExceptionCaptureCallback(null);
  }
  expect(thrown.at(-1)?.message).toBe('of the listener');
});
