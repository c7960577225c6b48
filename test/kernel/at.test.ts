import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MountError } from '../../lib/errors.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { inside } from '../support/inside.ts';
import { openFds } from '../support/open-fds.ts';
import { isMachineRoot, isRoot } from '../support/privilege.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';

/** A root with a group and a slave in it, a stack, a read-only mount and a deleted root. */
const TREE = parseMountinfo(
  [
    '1 0 0:1 / / rw,relatime - tmpfs root rw',
    '2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw',
    '3 1 0:2 / /b rw,relatime shared:1 - tmpfs disk rw',
    '4 1 0:2 / /c rw,relatime master:1 - tmpfs disk rw',
    '5 1 0:3 / /s ro,nosuid,relatime - tmpfs below rw',
    '6 5 0:4 / /s rw,noexec,relatime - tmpfs above rw',
    '7 6 0:2 /gone//deleted /s/d rw,relatime - tmpfs disk rw',
    '',
  ].join('\n'),
);
const SIZE = 7;

const below = (path: string) => captureTree().mounts.filter(({ mountPoint }) => mountPoint.startsWith(path));

describe.skipIf(!isRoot)('a tree attached in the caller’s namespace', () => {
  test.each(['restoreTree', 'restoreTreeSync'] as const)(
    'stands there until it is released: %s',
    async (how) => {
      using scratch = new ScratchMount();
      const at = scratch.directory('deep/at');
      const before = mountTable();
      const fds = openFds();
      const restored =
        how === 'restoreTree'
          ? await restoreTree(TREE, { into: { at } })
          : restoreTreeSync(TREE, { into: { at } });
      expect(restored.differences).toEqual([]);
      expect(restored.namespace).toBeUndefined();
      expect(restored.tree.root?.mountPoint).toBe('/');
      expect(below(at)).toHaveLength(SIZE);
      expect(captureTree().at(`${at}/s`)).toMatchObject({
        source: 'above',
        options: ['rw', 'noexec', 'relatime'],
      });
      expect(restored.report.hostEffects).toMatchObject([{ kind: 'attach', path: at, undone: true }]);

      writeFileSync(join(at, 'a', 'file'), 'x');
      expect(existsSync(join(at, 'b', 'file'))).toBe(true);

      restored.release();
      expect(mountTable()).toBe(before);
      restored.release();
      expect(mountTable()).toBe(before);
      expect(openFds()).toEqual(fds);
    },
  );

  test('passes mounts on as its groups say', () => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    using restored = restoreTreeSync(TREE, { into: { at } });
    mkdirSync(join(at, 'a', 'x'));
    sys.mount('late', join(at, 'a', 'x'), { type: 'tmpfs' });
    expect(
      below(at)
        .filter(({ source }) => source === 'late')
        .map(({ mountPoint }) => mountPoint),
    ).toEqual(['a', 'b', 'c'].map((name) => join(at, name, 'x')));
    sys.umount(join(at, 'a', 'x'));
    sys.mount('late', join(at, 'c', 'x'), { type: 'tmpfs' });
    expect(below(at).filter(({ source }) => source === 'late')).toHaveLength(1);
    expect(restored.differences).toEqual([]);
  });

  test('release takes exactly the tree away, with what was mounted in it and on it since', () => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    const beside = scratch.tmpfs('beside');
    const before = mountTable();
    const restored = restoreTreeSync(TREE, { into: { at } });
    sys.mount('in it', join(at, 'a'), { type: 'tmpfs' });
    sys.mount('on it', at, { type: 'tmpfs' });
    restored.release();
    expect(mountTable()).toBe(before);
    expect(captureTree().at(beside)).toBeDefined();
  });

  test('release finds a tree that was moved', () => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    const elsewhere = scratch.directory('elsewhere');
    const before = mountTable();
    const restored = restoreTreeSync(TREE, { into: { at } });
    sys.move(at, elsewhere);
    expect(below(elsewhere)).toHaveLength(SIZE);
    restored.release();
    expect(mountTable()).toBe(before);
  });

  test('release of a tree that is gone already does nothing', () => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    const before = mountTable();
    const restored = restoreTreeSync(TREE, { into: { at } });
    sys.umount(at, ['DETACH']);
    restored.release();
    expect(mountTable()).toBe(before);
  });

  test('the end of a using block releases it, also when something is thrown', () => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    const before = mountTable();
    expect(() => {
      using _restored = restoreTreeSync(TREE, { into: { at } });
      throw new Error('mine');
    }).toThrow('mine');
    expect(mountTable()).toBe(before);
  });

  test('goes onto the top of a stack, and off it again', () => {
    using scratch = new ScratchMount();
    const at = scratch.tmpfs('at');
    sys.mount('second', at, { type: 'tmpfs' });
    const before = mountTable();
    const top = captureTree().at(at);
    using restored = restoreTreeSync(TREE, { into: { at } });
    expect(restored.differences).toEqual([]);
    expect(captureTree().at(at)).toMatchObject({ source: 'root', parentId: top?.id });
    restored.release();
    expect(mountTable()).toBe(before);
  });

  test('two trees at one place are released in either order', () => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    const before = mountTable();
    const first = restoreTreeSync(TREE, { into: { at } });
    const second = restoreTreeSync(TREE, { into: { at } });
    expect(second.differences).toEqual([]);
    expect(below(at)).toHaveLength(2 * SIZE);
    second.release();
    expect(below(at)).toHaveLength(SIZE);
    first.release();
    expect(mountTable()).toBe(before);
  });

  test.skipIf(!isMachineRoot)(
    'below another namespace’s tree of its own: the sync call acts where its thread is',
    () => {
      using host = restoreTreeSync(
        parseMountinfo('1 0 0:1 / / rw - tmpfs r rw\n2 1 0:2 / /proc rw - proc proc rw\n'),
      );
      if (!host.namespace) throw new Error('no namespace was made');
      const before = mountTable();
      inside(host.namespace, () => {
        mkdirSync('/at');
        using restored = restoreTreeSync(TREE, { into: { at: '/at' } });
        expect(restored.differences).toEqual([]);
        expect(below('/at')).toHaveLength(SIZE);
      });
      expect(host.namespace.capture().size).toBe(2);
      expect(mountTable()).toBe(before);
    },
  );
});

describe.skipIf(!isRoot)('a destination on a shared mount', () => {
  test('is refused, because the kernel would share the tree', () => {
    using scratch = new ScratchMount();
    const shared = scratch.tmpfs('shared');
    sys.makeShared(shared);
    const at = scratch.directory('shared/at');
    const before = mountTable();
    const refused = refusalOf(() => restoreTreeSync(TREE, { into: { at } }));
    expect(refused.requirements).toMatchObject([
      {
        kind: 'destination',
        cures: [{ option: 'makeDestinationPrivate', cli: '--make-destination-private' }],
      },
    ]);
    expect(mountTable()).toBe(before);
  });

  test('becomes a private mount of its own when it may, and nothing reaches the peers', () => {
    using scratch = new ScratchMount();
    const shared = scratch.tmpfs('shared');
    sys.makeShared(shared);
    const peer = scratch.directory('peer');
    sys.bind(shared, peer);
    const at = scratch.directory('shared/at');
    const before = mountTable();
    using restored = restoreTreeSync(TREE, { into: { at }, makeDestinationPrivate: true });
    expect(restored.differences).toEqual([]);
    expect(restored.report.hostEffects.map(({ kind }) => kind).sort()).toEqual([
      'attach',
      'make-destination-private',
    ]);
    expect(captureTree().at(at)?.propagation).toEqual({ unbindable: false });
    expect(below(join(peer, 'at')).filter(({ source }) => source !== 'shared')).toEqual([]);
    restored.release();
    expect(mountTable()).toBe(before);
  });
});

describe.skipIf(!isRoot)('a destination that cannot be used is refused, and nothing changes', () => {
  test.each<[string, (scratch: ScratchMount) => string]>([
    ['that is absent', (scratch) => scratch.at('absent')],
    ['that is a file', (scratch) => scratch.file('file')],
    ['below a file', (scratch) => join(scratch.file('file'), 'x')],
  ])('%s', (_, make) => {
    using scratch = new ScratchMount();
    const at = make(scratch);
    const before = mountTable();
    const refused = refusalOf(() => restoreTreeSync(TREE, { into: { at } }));
    expect(refused.requirements).toMatchObject([
      { kind: 'destination', reason: expect.stringContaining(at) },
    ]);
    expect(mountTable()).toBe(before);
  });
});

describe.skipIf(!isRoot)('a restore that the kernel refuses midway', () => {
  test('leaves the table of the caller as it was, and no fd', async () => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    // The root's filesystem has room for one mount point.
    const tree = parseMountinfo(
      '1 0 0:1 / / rw - tmpfs root rw,nr_inodes=2\n' +
        '2 1 0:2 / /a rw - tmpfs a rw\n3 1 0:3 / /b rw - tmpfs b rw\n4 1 0:4 / /c rw - tmpfs c rw\n',
    );
    const before = mountTable();
    const fds = openFds();
    await expect(restoreTree(tree, { into: { at } })).rejects.toMatchObject({
      code: 'ENOSPC',
      syscall: 'mkdirat',
    });
    expect(() => restoreTreeSync(tree, { into: { at } })).toThrow(MountError);
    expect(mountTable()).toBe(before);
    expect(openFds()).toEqual(fds);
  });
});

function refusalOf(work: () => unknown): UnmetRequirementsError {
  try {
    work();
  } catch (error) {
    if (error instanceof UnmetRequirementsError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
