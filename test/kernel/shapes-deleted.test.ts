import { chmodSync, rmdirSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { diffTrees } from '../../lib/model/diff.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { inside } from '../support/inside.ts';
import {
  BOTH_ENGINES,
  bindTo,
  deletedRootsOf,
  directory,
  expectShapeComesBack,
  LiveNamespace,
  mountTmpfs,
  restoreSame,
} from '../support/live.ts';
import { bindFile } from '../support/nodes.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('deleted roots, whatever their names: %s', (engine) => {
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
    expect(deletedRootsOf(captured)).toEqual({
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
    const build = () => {
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
    };
    const roots = {
      '/dir-first': '/dir gone',
      '/dir-second': '/dir gone',
      '/dir-third': '/dir',
      '/was-directory': '/turned gone',
      '/is-file': '/turned',
    };
    await expectShapeComesBack(build, engine, { roots });
  });

  test('where directories are really called deleted, or look so', async () => {
    const names = ['x (deleted)', 'deleted', 'x//deleted'.replace('//', '\u2215\u2215'), 'x\\040(deleted)'];
    const build = () => {
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
    };
    const roots = expect.objectContaining({
      '/live 0': '/x (deleted)',
      '/live 1': '/deleted',
      '/gone 1': '/gone deleted gone',
      '/deleted-in-gone': '/gone/deleted gone',
    });
    await expectShapeComesBack(build, engine, { roots });
  });
});
