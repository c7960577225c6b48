import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Mount } from '../../lib/model/mount.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import * as sys from '../../lib/sys.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { inside } from '../support/inside.ts';
import {
  BOTH_ENGINES,
  bindTo,
  directory,
  expectSameArrivals,
  expectShapeComesBack,
  LiveNamespace,
  mountBeneath,
  mountTmpfs,
  numbers,
  restoreSame,
  slaveOf,
} from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

/** The sources of the mounts at one place, from below. */
function stackAt(tree: MountTree, path: string): string[] {
  const here = (mount: Mount) => tree.childrenOf(mount).find(({ mountPoint }) => mountPoint === path);
  const stack: string[] = [];
  const bottom = tree.mounts.find((mount) => here(mount) && mount.mountPoint !== path);
  for (let next = bottom && here(bottom); next; next = here(next)) stack.push(next.source);
  return stack;
}

/** Mounted beneath /s: the next to the last that was mounted there is the newest. */
function tuckedUnder(): void {
  for (const source of ['first', 'second']) mountTmpfs('/s', '', source);
  for (const source of ['third', 'fourth']) mountBeneath('/s', source);
}

/** A slave has a child where its master gets one later, which then goes beneath. */
function propagatedUnder(): void {
  mountTmpfs('/m');
  directory('/m/x');
  sys.makeShared('/m');
  slaveOf('/m', '/s');
  mountTmpfs('/s/x', '', 'own');
  mountTmpfs('/m/x', '', 'from the master');
}

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('stacks come back in their order: %s', (engine) => {
  expectNoLeakedFds();

  test('30 deep, each with a child that the next one hides', async () => {
    using live = new LiveNamespace(() => {
      for (const i of numbers(30)) {
        mountTmpfs('/s', 'size=64k', `layer ${i}`);
        if (i < 29) mountTmpfs('/s/child', '', `child ${i}`);
      }
    });
    const captured = live.capture();
    expect(captured.size).toBe(60);
    using restored = await restoreSame(captured, engine);
    expect(stackAt(restored.tree, '/s')).toEqual(numbers(30).map((i) => `layer ${i}`));
  });

  test('30 deep, where each is the one filesystem', async () => {
    await expectShapeComesBack(
      () => {
        mountTmpfs('/s');
        for (const _ of numbers(29)) sys.bind('/s', '/s');
      },
      engine,
      { size: 31 },
    );
  });

  test('30 deep on a file', async () => {
    await expectShapeComesBack(
      () => {
        for (const name of ['/f', '/g']) writeFileSync(name, '');
        for (const i of numbers(30)) sys.bind(i % 2 === 0 ? '/g' : '/f', '/f');
      },
      engine,
      { size: 31 },
    );
  });

  test('with the root covered, and covered again', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/below');
      mountTmpfs('/below/deep');
      sys.makeShared('/below');
      for (const source of ['cover', 'second cover']) sys.mount(source, '/', { type: 'tmpfs' });
    });
    const captured = live.capture();
    expect(captured.mounts.filter(({ mountPoint }) => mountPoint === '/')).toHaveLength(3);
    expect(captured.at('/')?.source).toBe('second cover');
    using _restored = await restoreSame(captured, engine);
  });

  test('with a shared root that is covered', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/below');
      sys.makeShared('/');
      sys.mount('cover', '/', { type: 'tmpfs' });
    });
    const captured = live.capture();
    expect(captured.root).toMatchObject({ source: 'root', propagation: { shared: expect.any(Number) } });
    expect(captured.at('/')?.source).toBe('cover');
    using _restored = await restoreSame(captured, engine);
  });

  test('with a shared root that is covered, attached in the caller’s namespace', async () => {
    using scratch = new ScratchMount();
    using live = new LiveNamespace(() => {
      mountTmpfs('/below');
      sys.makeShared('/');
      sys.mount('cover', '/', { type: 'tmpfs' });
    });
    const into = { at: scratch.directory('at') };
    using _restored = await restoreSame(live.capture(), engine, { into });
  });

  test('with a shared root that has a peer with something mounted on it', async () => {
    using live = new LiveNamespace(() => {
      bindTo('/', '/peer');
      using peer = sys.openTree('/peer');
      sys.mount('own', '/peer', { type: 'tmpfs' });
      using root = sys.openTree('/');
      sys.makeShared('/');
      sys.moveMount(root, peer, ['SET_GROUP']);
      mountTmpfs('/x');
    });
    const captured = live.capture();
    expect(captured.groups.size).toBe(2);
    expect(stackAt(captured, '/peer')).toEqual(['root', 'own']);
    using restored = await restoreSame(captured, engine);
    expect(expectSameArrivals('/y', live.namespace, restored)).toHaveLength(2);
  });

  test('with mounts tucked beneath the top by MOVE_MOUNT_BENEATH', async () => {
    using live = new LiveNamespace(tuckedUnder);
    const captured = live.capture();
    expect(stackAt(captured, '/s')).toEqual(['first', 'third', 'fourth', 'second']);
    using restored = await restoreSame(captured, engine);
    expect(stackAt(restored.tree, '/s')).toEqual(['first', 'third', 'fourth', 'second']);
  });

  test('with a mount that propagation put beneath another', async () => {
    using live = new LiveNamespace(propagatedUnder);
    const captured = live.capture();
    expect(stackAt(captured, '/s/x')).toEqual(['from the master', 'own']);
    const [under, over] = captured.mounts
      .filter(({ mountPoint }) => mountPoint === '/s/x')
      .sort((left, right) => (left.source < right.source ? -1 : 1));
    expect(over?.parentId).toBe(under?.id);
    expect(BigInt(over?.uniqueId ?? 0)).toBeLessThan(BigInt(under?.uniqueId ?? 0)); // the upper one is the older
    using restored = await restoreSame(captured, engine);
    expect(stackAt(restored.tree, '/s/x')).toEqual(['from the master', 'own']);
    expect(expectSameArrivals('/m/other', live.namespace, restored)).toEqual(['/m/other', '/s/other']);
    // As in the original, what the master loses goes from beneath.
    for (const namespace of [live.namespace, restored.namespace as MountNamespace]) {
      inside(namespace, () => sys.umount('/m/x'));
      expect(stackAt(namespace.capture(), '/s/x')).toEqual(['own']);
    }
  });

  test('with mounts that siblings hide, which hide others', async () => {
    using live = new LiveNamespace(() => {
      directory('/a/b/c/d');
      for (const path of ['/a/b/c/d', '/a/b/c', '/a/b', '/a']) sys.mount(path, path, { type: 'tmpfs' });
      mountTmpfs('/a/b', '', 'inner');
      mountTmpfs('/a/b/c', '', 'innermost');
    });
    const captured = live.capture();
    const { root } = captured;
    expect(root && captured.childrenOf(root)).toHaveLength(4);
    using _restored = await restoreSame(captured, engine);
  });

  test('with children below a directory that is covered, some of them shared', async () => {
    using live = new LiveNamespace(() => {
      directory('/top/under');
      mountTmpfs('/top/under/one');
      mountTmpfs('/top/under/two');
      directory('/top/under/one/x');
      sys.makeShared('/top/under/one');
      bindTo('/top/under/one', '/seen');
      mountTmpfs('/top/under/one/x', '', 'in both');
      mountTmpfs('/top/under', '', 'cover');
      mountTmpfs('/top/under/one', '', 'over the cover');
    });
    const captured = live.capture();
    expect(captured.mounts.filter(({ mountPoint }) => mountPoint === '/top/under/one')).toHaveLength(2);
    using restored = await restoreSame(captured, engine);
    expect(expectSameArrivals('/seen/y', live.namespace, restored)).toEqual(['/seen/y', '/top/under/one/y']);
  });
});
