import { chmodSync, renameSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as sys from '../../lib/sys.ts';
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

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('deleted roots and what is around them: %s', (engine) => {
  expectNoLeakedFds();

  test('nested below other deleted ones, some mounted and some not', async () => {
    const build = () => {
      mountTmpfs('/d');
      directory('/d/a/b/c/e');
      writeFileSync('/d/a/b/f', '');
      bindTo('/d/a', '/a');
      bindTo('/d/a/b/c', '/c');
      bindTo('/d/a/b/c/e', '/e');
      bindFile('/d/a/b/f', '/f');
      rmSync('/d/a', { recursive: true });
    };
    const roots = {
      '/a': '/a gone',
      '/c': '/a/b/c gone',
      '/e': '/a/b/c/e gone',
      '/f': '/a/b/f gone',
    };
    await expectShapeComesBack(build, engine, { roots });
  });

  test('nested below a deleted one whose name lives again, with the same names in it', async () => {
    const build = () => {
      mountTmpfs('/d');
      directory('/d/a/b');
      bindTo('/d/a', '/old-a');
      bindTo('/d/a/b', '/old-b');
      rmSync('/d/a', { recursive: true });
      directory('/d/a/b');
      bindTo('/d/a', '/new-a');
      bindTo('/d/a/b', '/new-b');
    };
    const roots = {
      '/old-a': '/a gone',
      '/old-b': '/a/b gone',
      '/new-a': '/a',
      '/new-b': '/a/b',
    };
    await expectShapeComesBack(build, engine, { roots });
  });

  test('below the name of a file that was deleted, and of one that was a directory later', async () => {
    const build = () => {
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
    };
    const roots = {
      '/file-4': '/a gone',
      '/file-6': '/a/b gone',
      '/c': '/a/b/c gone',
      '/directory-b': '/a/b gone',
    };
    await expectShapeComesBack(build, engine, { roots });
  });

  test('in a directory that is gone, whose name a file has that is mounted', async () => {
    const build = () => {
      mountTmpfs('/d');
      directory('/d/c/x');
      bindTo('/d/c/x', '/x');
      rmSync('/d/c', { recursive: true });
      writeFileSync('/d/c', '');
      bindFile('/d/c', '/file');
    };
    await expectShapeComesBack(build, engine, { roots: { '/x': '/c/x gone', '/file': '/c' } });
  });

  test('in a directory whose name other files had and have, with all that it can hold', async () => {
    const build = () => {
      mountTmpfs('/d');
      writeFileSync('/d/c', '');
      bindFile('/d/c', '/first-file');
      unlinkSync('/d/c');
      for (const round of ['one', 'two']) {
        directory('/d/c/between/x');
        chmodSync('/d/c/between/x', 0o750);
        bindTo('/d/c/between/x', `/x-${round}`);
        writeFileSync('/d/c/f', '', { mode: 0o600 });
        bindFile('/d/c/f', `/f-${round}`);
        if (round === 'one') for (const gone of ['f', 'between']) rmSync(`/d/c/${gone}`, { recursive: true });
      }
      bindTo('/d/c', '/c');
      rmSync('/d/c', { recursive: true });
      writeFileSync('/d/c', '', { mode: 0o640 });
      bindFile('/d/c', '/file');
    };
    const roots = {
      '/first-file': '/c gone',
      '/x-one': '/c/between/x gone',
      '/f-one': '/c/f gone',
      '/x-two': '/c/between/x gone',
      '/f-two': '/c/f gone',
      '/c': '/c gone',
      '/file': '/c',
    };
    await expectShapeComesBack(build, engine, { roots });
  });

  test('of files: unlinked, and replaced by a rename', async () => {
    const build = () => {
      mountTmpfs('/d');
      for (const name of ['one', 'two', 'new']) writeFileSync(`/d/${name}`, name);
      bindFile('/d/one', '/one');
      bindFile('/d/two', '/two');
      renameSync('/d/new', '/d/two');
      bindFile('/d/two', '/new');
      unlinkSync('/d/one');
    };
    const roots = { '/one': '/one gone', '/two': '/two gone', '/new': '/two' };
    await expectShapeComesBack(build, engine, { roots });
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
