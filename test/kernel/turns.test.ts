import { describe, expect, test } from 'vitest';
import { type MountTree, parseMountinfo, restoreTree, restoreTreeSync } from '../../lib/index.ts';
import { comparing } from '../../lib/model/diff.ts';
import type { Pausing } from '../../lib/model/pausing.ts';
import { inTurns } from '../../lib/system/calls/turns.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isRoot } from '../support/privilege.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';

expectNoLeakedFds();

/** Nothing between two pauses may be done for more mounts than this. */
const STRETCH = 2048;

/** Binds of 64 directories of a tmpfs, which is mounted at /all. */
function wide(mounts: number): MountTree {
  const lines = ['1 0 0:1 / / rw,relatime - tmpfs root rw', '2 1 0:2 / /all rw,relatime - tmpfs disk rw'];
  for (let i = 0; i < mounts; i += 1)
    lines.push(`${i + 3} 1 0:2 /d${i % 64} /m${i} rw,relatime - tmpfs disk rw`);
  return parseMountinfo(`${lines.join('\n')}\n`);
}

/** What the work comes to, and how often it paused. */
function counted<T>(work: Pausing<T>): { readonly value: T; readonly pauses: number } {
  for (let pauses = 0; ; pauses += 1) {
    const { done, value } = work.next();
    if (done) return { value, pauses };
  }
}

describe.skipIf(!isRoot)('a huge tree', () => {
  test('is captured and compared in stretches', () => {
    const [few, many] = [wide(100), wide(3 * STRETCH)].map((tree) => {
      using restored = restoreTreeSync(tree, { verify: false });
      const captured = counted((restored.namespace as NonNullable<typeof restored.namespace>).capturing());
      const compared = counted(comparing(restored.target.tree, captured.value));
      expect(captured.value.size).toBe(tree.size);
      expect(compared.value).toEqual([]);
      return { capture: captured.pauses, compare: compared.pauses };
    });
    // Its text, the ids, what each mount shows, how those that are covered are known, and what each covers.
    expect((many?.capture ?? 0) - (few?.capture ?? 0)).toBeGreaterThanOrEqual(5 * 3);
    // Pairs are made, and compared.
    expect((many?.compare ?? 0) - (few?.compare ?? 0)).toBeGreaterThanOrEqual(2 * 3);
  });
});

test('in turns, the event loop goes on at each pause, and what is thrown is a rejection', async () => {
  const seen: string[] = [];
  function* work(): Pausing<string> {
    for (const name of ['first', 'second', 'third']) {
      seen.push(name);
      setImmediate(() => seen.push(`after ${name}`));
      yield;
    }
    return seen.join(', ');
  }
  expect(await inTurns(work(), 0)).toBe('first, after first, second, after second, third, after third');
  function* broken(): Pausing<never> {
    yield;
    throw new RangeError('in the second turn');
  }
  await expect(inTurns(broken(), 0)).rejects.toThrow(RangeError);
});

test.skipIf(!isRoot)('what the caller does with its options between two turns changes nothing', async () => {
  using scratch = new ScratchMount();
  const at = scratch.directory('at');
  const before = mountTable();
  const options = { into: { at }, verify: true };
  const restoring = restoreTree(wide(3), options);
  options.verify = false;
  Object.assign(options, { userNamespace: 'self' });
  Object.assign(options.into, { at: undefined, namespace: 'new' });
  const restored = await restoring;
  expect(restored.report.verified).toBe(true);
  expect(restored.namespaces).toEqual([]);
  expect(mountTable()).toContain(`${at}/m2 `);
  restored.release();
  expect(mountTable()).toBe(before);
});
