import { chmodSync, renameSync, rmdirSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { diffTrees } from '../../lib/model/diff.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import * as sys from '../../lib/sys.ts';
import type { MountNamespace } from '../../lib/system/namespace.ts';
import { inside } from '../support/inside.ts';
import {
  BOTH_ENGINES,
  bindTo,
  directory,
  expectSameArrivals,
  expectShapeComesBack,
  LiveNamespace,
  mountTmpfs,
  restoreSame,
  slaveOf,
} from '../support/live.ts';
import { bindFile } from '../support/nodes.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';

/** The roots in the filesystem mounted at /d, with a mark on the deleted ones, by mount point. */
function rootsOf(tree: MountTree): Record<string, string> {
  const device = tree.at('/d')?.device;
  return Object.fromEntries(
    tree.mounts
      .filter((mount) => mount.device === device && mount.mountPoint !== '/d')
      .map(({ mountPoint, root, deleted }) => [mountPoint, `${root}${deleted ? ' gone' : ''}`]),
  );
}

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('deleted roots come back deleted: %s', (engine) => {
  expectNoLeakedFds();

  test('whose name was a directory and a file, and is a file again or nothing', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      for (const name of ['both', 'again']) {
        directory(`/d/${name}`);
        bindTo(`/d/${name}`, `/${name}-directory`);
        rmdirSync(`/d/${name}`);
        writeFileSync(`/d/${name}`, '');
        bindFile(`/d/${name}`, `/${name}-file`);
        unlinkSync(`/d/${name}`);
      }
      writeFileSync('/d/both', '', { mode: 0o600 });
      bindFile('/d/both', '/both-private');
      unlinkSync('/d/both');
      writeFileSync('/d/again', '');
      bindFile('/d/again', '/is-file');
    });
    const captured = live.capture();
    expect(rootsOf(captured)).toEqual({
      '/both-directory': '/both gone',
      '/both-file': '/both gone',
      '/both-private': '/both gone',
      '/again-directory': '/again gone',
      '/again-file': '/again gone',
      '/is-file': '/again',
    });
    using restored = await restoreSame(captured, engine);
    expect(restored.tree.at('/both-private')?.rootNode?.mode).toBe(0o600);
    expect(restored.tree.at('/both-file')?.rootNode).toBeUndefined();
  });

  test('that had one name and are alike, as many as they were', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      directory('/d/kept');
      for (const round of ['first', 'second']) {
        directory('/d/dir/in');
        bindTo('/d/dir', `/dir-${round}`);
        bindTo('/d/dir', `/dir-${round}-again`);
        bindTo('/d/dir/in', `/in-${round}`);
        rmSync('/d/dir', { recursive: true });
        writeFileSync('/d/file', '');
        bindFile('/d/file', `/file-${round}`);
        unlinkSync('/d/file');
      }
      directory('/d/dir');
      bindTo('/d/dir', '/dir-live');
    });
    const captured = live.capture();
    const numbers = (tree: MountTree) => {
      const inodes = tree.mounts.flatMap(({ rootInode }) => rootInode ?? []);
      return inodes.map((inode) => inodes.indexOf(inode));
    };
    expect(numbers(captured)).toEqual([0, 0, 2, 3, 4, 4, 6, 7]);
    using restored = await restoreSame(captured, engine);
    const again = restored.tree.mounts.filter(({ deleted }) => deleted);
    expect(new Set(again.map(({ rootInode }) => rootInode)).size).toBe(6);
    // What is made in one of them is seen where the same one is shown, and not in the other.
    const namespace = restored.namespace as MountNamespace;
    inside(namespace, () => chmodSync('/dir-first', 0o700));
    const modes = inside(namespace, () =>
      ['/dir-first', '/dir-first-again', '/dir-second', '/dir-live'].map(
        (path) => statSync(path).mode & 0o777,
      ),
    );
    expect(modes).toEqual([0o700, 0o700, 0o755, 0o755]);
  });

  test('and one in place of two, or two in place of one, is a difference', () => {
    const make = (second: boolean) =>
      new LiveNamespace(() => {
        mountTmpfs('/d');
        directory('/d/dir');
        bindTo('/d/dir', '/one');
        if (second) {
          rmdirSync('/d/dir');
          directory('/d/dir');
        }
        bindTo('/d/dir', '/two');
        rmdirSync('/d/dir');
      });
    using same = make(false);
    using different = make(true);
    const [one, two] = [same.capture(), different.capture()];
    expect(diffTrees(one, one)).toEqual([]);
    expect(diffTrees(two, two)).toEqual([]);
    expect(diffTrees(one, two)).toMatchObject([
      {
        kind: 'deleted',
        expected: expect.stringMatching(/^deleted, the one that mount \d+ at \/one shows$/),
      },
    ]);
    expect(diffTrees(two, one)).toMatchObject([
      {
        kind: 'deleted',
        expected: expect.stringMatching(/^deleted, another than the one that mount \d+ at/),
      },
    ]);
  });

  test('whose names are used again, by a directory, by a file, and twice', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      for (const round of ['first', 'second', 'third']) {
        directory('/d/dir');
        bindTo('/d/dir', `/dir-${round}`);
        if (round !== 'third') rmdirSync('/d/dir');
      }
      directory('/d/turned');
      bindTo('/d/turned', '/was-directory');
      rmdirSync('/d/turned');
      writeFileSync('/d/turned', '');
      bindFile('/d/turned', '/is-file');
    });
    const captured = live.capture();
    expect(rootsOf(captured)).toEqual({
      '/dir-first': '/dir gone',
      '/dir-second': '/dir gone',
      '/dir-third': '/dir',
      '/was-directory': '/turned gone',
      '/is-file': '/turned',
    });
    using _restored = await restoreSame(captured, engine);
  });

  test('where directories are really called deleted, or look so', async () => {
    const names = ['x (deleted)', 'deleted', 'x//deleted'.replace('//', '\u2215\u2215'), 'x\\040(deleted)'];
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      for (const [i, name] of names.entries()) {
        directory(`/d/${name}/deleted`);
        bindTo(`/d/${name}`, `/live ${i}`);
        bindTo(`/d/${name}/deleted`, `/in ${i}`);
        directory(`/d/gone ${name}`);
        bindTo(`/d/gone ${name}`, `/gone ${i}`);
        rmdirSync(`/d/gone ${name}`);
        mountTmpfs(`/${name}`);
      }
      directory('/d/gone/deleted');
      bindTo('/d/gone/deleted', '/deleted-in-gone');
      rmSync('/d/gone', { recursive: true });
    });
    const captured = live.capture();
    expect(rootsOf(captured)).toMatchObject({
      '/live 0': '/x (deleted)',
      '/live 1': '/deleted',
      '/gone 1': '/gone deleted gone',
      '/deleted-in-gone': '/gone/deleted gone',
    });
    using _restored = await restoreSame(captured, engine);
  });

  test('nested below other deleted ones, some mounted and some not', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      directory('/d/a/b/c/e');
      writeFileSync('/d/a/b/f', '');
      bindTo('/d/a', '/a');
      bindTo('/d/a/b/c', '/c');
      bindTo('/d/a/b/c/e', '/e');
      bindFile('/d/a/b/f', '/f');
      rmSync('/d/a', { recursive: true });
    });
    const captured = live.capture();
    expect(rootsOf(captured)).toEqual({
      '/a': '/a gone',
      '/c': '/a/b/c gone',
      '/e': '/a/b/c/e gone',
      '/f': '/a/b/f gone',
    });
    using _restored = await restoreSame(captured, engine);
  });

  test('nested below a deleted one whose name lives again, with the same names in it', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      directory('/d/a/b');
      bindTo('/d/a', '/old-a');
      bindTo('/d/a/b', '/old-b');
      rmSync('/d/a', { recursive: true });
      directory('/d/a/b');
      bindTo('/d/a', '/new-a');
      bindTo('/d/a/b', '/new-b');
    });
    const captured = live.capture();
    expect(rootsOf(captured)).toEqual({
      '/old-a': '/a gone',
      '/old-b': '/a/b gone',
      '/new-a': '/a',
      '/new-b': '/a/b',
    });
    using _restored = await restoreSame(captured, engine);
  });

  test('below the name of a file that was deleted, and of one that was a directory later', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      for (const name of ['/d/a', '/d/a/b']) {
        writeFileSync(name, '');
        bindFile(name, `/file-${name.length}`);
        unlinkSync(name);
        directory(name);
      }
      writeFileSync('/d/a/b/c', '');
      bindFile('/d/a/b/c', '/c');
      bindTo('/d/a/b', '/directory-b');
      rmSync('/d/a', { recursive: true });
    });
    const captured = live.capture();
    expect(rootsOf(captured)).toEqual({
      '/file-4': '/a gone',
      '/file-6': '/a/b gone',
      '/c': '/a/b/c gone',
      '/directory-b': '/a/b gone',
    });
    using _restored = await restoreSame(captured, engine);
  });

  test('of files: unlinked, and replaced by a rename', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      for (const name of ['one', 'two', 'new']) writeFileSync(`/d/${name}`, name);
      bindFile('/d/one', '/one');
      bindFile('/d/two', '/two');
      renameSync('/d/new', '/d/two');
      bindFile('/d/two', '/new');
      unlinkSync('/d/one');
    });
    const captured = live.capture();
    expect(rootsOf(captured)).toEqual({ '/one': '/one gone', '/two': '/two gone', '/new': '/two' });
    using _restored = await restoreSame(captured, engine);
  });

  test('with mounts on them, and on what lies on those', async () => {
    await expectShapeComesBack(() => {
      mountTmpfs('/d');
      directory('/d/gone');
      bindTo('/d/gone', '/gone');
      rmdirSync('/d/gone');
      // Nothing can be made in a directory that was deleted, or mounted on its root by name.
      using clone = sys.openTree('/d', ['CLONE']);
      directory('/on');
      sys.moveMount(clone, '/on');
      mountTmpfs('/on/inner', '', 'inner');
    }, engine);
  });

  test('in peer groups, as masters and as slaves', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      directory('/d/gone');
      directory('/d/stays');
      sys.makeShared('/d');
      bindTo('/d/gone', '/peer');
      slaveOf('/d/gone', '/slave');
      sys.makeShared('/slave');
      slaveOf('/slave', '/slave-of-slave');
      rmdirSync('/d/gone');
    });
    const captured = live.capture();
    expect(captured.at('/slave-of-slave')).toMatchObject({
      deleted: true,
      propagation: { master: captured.at('/slave')?.propagation.shared },
    });
    using restored = await restoreSame(captured, engine);
    expect(expectSameArrivals('/d/stays', live.namespace, restored)).toEqual(['/d/stays']);
  });

  test('of a filesystem of which nothing else is left', async () => {
    await expectShapeComesBack(
      () => {
        mountTmpfs('/d');
        directory('/d/gone');
        bindTo('/d/gone', '/gone');
        rmdirSync('/d/gone');
        sys.umount('/d');
      },
      engine,
      { size: 2, fresh: 'all' },
    );
  });
});
