import { readlinkSync, rmdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { formatSnapshot, parseSnapshot } from '../../lib/formats/snapshot.ts';
import { diffTrees } from '../../lib/model/diff.ts';
import type { Snapshot } from '../../lib/model/snapshot.ts';
import { MountTree } from '../../lib/model/tree.ts';
import { UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import * as sys from '../../lib/sys.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTree } from '../../lib/system/restore/restore.ts';
import type { RestoredTree } from '../../lib/system/restore/restored.ts';
import { Family } from '../support/family.ts';
import { FuseMount, hasFuse } from '../support/fuse.ts';
import {
  arrivalsOf,
  BOTH_ENGINES,
  bindTo,
  directory,
  joinGroup,
  LiveNamespace,
  mountTmpfs,
  slaveOf,
} from '../support/live.ts';
import { expectNoLeakedFds, openFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';

const snapshotOf = (...live: readonly LiveNamespace[]): Snapshot => ({
  namespaces: live.map((each) => each.capture()),
});

const together = (trees: readonly MountTree[]) => new MountTree(trees.flatMap(({ mounts }) => mounts));

/** All namespaces came back, and what they share among them too. */
function expectSame(snapshot: Snapshot, restored: RestoredTree): void {
  expect(restored.differences).toEqual([]);
  expect(restored.namespaces).toHaveLength(snapshot.namespaces.length);
  expect(restored.trees.map(({ size }) => size)).toEqual(snapshot.namespaces.map(({ size }) => size));
  expect(diffTrees(together(snapshot.namespaces), together(restored.trees))).toEqual([]);
  // As seen from outside, not only as read back.
  const seen = restored.namespaces.map((namespace) => namespace.capture());
  expect(diffTrees(together(snapshot.namespaces), together(seen))).toEqual([]);
}

/** Mounts in one of the originals and in its copy arrive at the same places in all. */
function expectArrivals(
  path: string,
  at: number,
  originals: readonly MountNamespace[],
  restored: RestoredTree,
): string[][] {
  const expected = arrivalsOf(path, originals[at] as MountNamespace, originals);
  const copies = restored.namespaces;
  expect(arrivalsOf(path, copies[at] as MountNamespace, copies)).toEqual(expected);
  return expected;
}

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('several namespaces come back together: %s', (engine) => {
  expectNoLeakedFds();

  test('of a process, its child that unshared, and a grandchild whose mounts are slaves', async () => {
    await using family = await Family.start();
    const snapshot = family.capture();
    expect(snapshot.namespaces).toHaveLength(3);
    // Each shows the one tmpfs of the first.
    const [first, child, grandchild] = snapshot.namespaces as [MountTree, MountTree, MountTree];
    for (const path of ['/', '/shared', '/own', '/proc'])
      for (const tree of [child, grandchild]) expect(tree.at(path)?.device).toBe(first.at(path)?.device);
    expect(child.at('/shared')?.propagation).toEqual(first.at('/shared')?.propagation);
    expect(grandchild.at('/shared')?.propagation.master).toBe(first.at('/shared')?.propagation.shared);

    using restored = await restoreTree(parseSnapshot(formatSnapshot(snapshot)), { engine });
    expectSame(snapshot, restored);

    const originals = family.namespaces();
    try {
      expect(expectArrivals('/shared/late', 0, originals, restored)).toEqual([
        ['/peer/late', '/shared/late', '/slave/late'],
        ['/own/bound/late', '/peer/late', '/shared/late', '/slave/late'],
        ['/own/bound/late', '/own/bound/late', '/peer/late', '/shared/late', '/slave/late'],
      ]);
      expect(expectArrivals('/shared/up', 2, originals, restored)).toEqual([
        [],
        [],
        ['/own/bound/up', '/shared/up'],
      ]);
      expect(expectArrivals('/own/child/in', 1, originals, restored)).toEqual([[], ['/own/child/in'], []]);
      expectArrivals('/new', 1, originals, restored);
    } finally {
      for (const namespace of originals) namespace.close();
    }
  });

  test('whose peers differ in what is mounted on them', async () => {
    using first = new LiveNamespace(() => {
      mountTmpfs('/a');
      for (const name of ['x', 'y', 'late', 'gone']) directory(`/a/${name}`);
      sys.makeShared('/a');
    });
    using second = new LiveNamespace(
      () => {
        bindTo('/a', '/other');
        sys.makePrivate('/a');
        mountTmpfs('/a/x', '', 'second only');
        sys.bind('/a/gone', '/a/y');
        joinGroup('/other', '/a');
      },
      { copyOf: first },
    );
    using third = new LiveNamespace(
      () => {
        sys.umount('/a/x');
        sys.makeSlave('/a');
        sys.remount('/a', ['RDONLY', 'NOSUID', 'RELATIME']);
        sys.umount('/other');
      },
      { copyOf: second },
    );
    first.do(() => rmdirSync('/a/gone')); // nothing is mounted on it here
    const snapshot = snapshotOf(first, second, third);
    expect(snapshot.namespaces[2]?.at('/a/y')?.deleted).toBe(true);
    using restored = await restoreTree(snapshot, { engine });
    expectSame(snapshot, restored);
    const originals = [first, second, third].map(({ namespace }) => namespace);
    expect(expectArrivals('/other/late', 1, originals, restored)).toEqual([
      ['/a/late'],
      ['/a/late', '/other/late'],
      ['/a/late'],
    ]);
  });

  test('with slaves whose masters are in another of them, which alone are refused', async () => {
    using first = new LiveNamespace(() => {
      for (const name of ['/m', '/n']) {
        mountTmpfs(name);
        directory(`${name}/x`);
        sys.makeShared(name);
      }
    });
    using second = new LiveNamespace(
      () => {
        for (const name of ['/m', '/n']) sys.makeSlave(name);
        sys.makeShared('/n');
        slaveOf('/n', '/below');
      },
      { copyOf: first },
    );
    const alone = await restoreTree(second.capture(), { engine }).catch((error: unknown) => error);
    expect(alone).toBeInstanceOf(UnmetRequirementsError);
    expect((alone as UnmetRequirementsError).requirements.map(({ kind }) => kind)).toEqual([
      'master',
      'master',
    ]);
    // In either order: the masters may come after their slaves.
    for (const order of [
      [second, first],
      [first, second],
    ]) {
      const snapshot = snapshotOf(...order);
      using restored = await restoreTree(snapshot, { engine });
      expectSame(snapshot, restored);
      const originals = order.map(({ namespace }) => namespace);
      const arrived = expectArrivals('/n/y', order.indexOf(first), originals, restored);
      expect(arrived.flat().sort()).toEqual(['/below/y', '/n/y', '/n/y']);
      first.do(() => sys.umount('/n/y'));
    }
  });

  test('whose roots are peers, each covered by a mount that is shared too', async () => {
    using first = new LiveNamespace(() => {
      mountTmpfs('/below');
      sys.makeShared('/');
      sys.mount('cover', '/', { type: 'tmpfs' });
    });
    using second = new LiveNamespace(() => {}, { copyOf: first });
    const snapshot = snapshotOf(first, second);
    const [one, two] = snapshot.namespaces as [MountTree, MountTree];
    expect(one.size).toBe(3);
    expect(one.at('/')).toMatchObject({ source: 'cover', propagation: two.at('/')?.propagation });
    expect(one.root?.propagation.shared).toBe(two.root?.propagation.shared);
    using restored = await restoreTree(snapshot, { engine });
    expectSame(snapshot, restored);
  });

  test('whose roots are peers, one of them with a mount on it that the other lacks', async () => {
    using first = new LiveNamespace(() => {
      sys.makeShared('/');
      bindTo('/', '/again');
    });
    using second = new LiveNamespace(
      () => {
        using root = sys.openTree('/');
        using again = sys.openTree('/again');
        sys.makePrivate('/');
        sys.mount('cover', '/', { type: 'tmpfs' });
        sys.moveMount(again, root, ['SET_GROUP']);
      },
      { copyOf: first },
    );
    const snapshot = snapshotOf(first, second);
    expect(snapshot.namespaces.map(({ size }) => size)).toEqual([2, 3]);
    using restored = await restoreTree(snapshot, { engine });
    expectSame(snapshot, restored);
  });

  test('and all of it goes when it is released', async () => {
    using first = new LiveNamespace(() => {
      mountTmpfs('/a');
      sys.makeShared('/a');
    });
    using second = new LiveNamespace(() => mountTmpfs('/a/x'), { copyOf: first });
    const table = mountTable();
    const restored = await restoreTree(snapshotOf(first, second), { engine });
    const files = restored.namespaces.map(({ fd }) => readlinkSync(`/proc/self/fd/${fd.number}`));
    expect(new Set(files).size).toBe(2);
    restored.release();
    restored.release();
    expect(mountTable()).toBe(table);
    expect(openFds().filter((fd) => files.some((file) => fd.endsWith(file)))).toEqual([]);
  });

  test.skipIf(!hasFuse)(
    'and lets go of what the host supplied to each of them (needs /dev/fuse)',
    async () => {
      using scratch = new ScratchMount();
      const host = scratch.directory('fuse');
      using served = new FuseMount('served', host, 'one');
      const ended = served.ended;
      using first = new LiveNamespace(() => mountTmpfs('/f'));
      using second = new LiveNamespace(() => {}, { copyOf: first });
      const snapshot = snapshotOf(first, second);
      const restored = await restoreTree(snapshot, { engine, external: { '/f': host } });
      expect(restored.differences).toEqual([]);
      expect(restored.trees.map((tree) => tree.at('/f')?.type)).toEqual(['fuse', 'fuse']);
      sys.umount(host);
      await expect(Promise.race([ended, setTimeout(300, 'serving')])).resolves.toBe('serving');
      restored.release();
      await ended; // the last of its mounts went, and so did the connection
    },
  );
});
