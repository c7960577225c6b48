import { linkSync, renameSync, rmdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MountTree } from '../../lib/model/tree.ts';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import {
  BOTH_ENGINES,
  bindTo,
  directory,
  expectShapeComesBack,
  joinGroup,
  LiveNamespace,
  makeSuperblockReadOnly,
  mountBeneath,
  mountTmpfs,
  restoreSame,
} from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';

const CASES: [title: string, build: () => void][] = [
  [
    'peers with different children',
    () => {
      mountTmpfs('/p');
      for (const name of ['a', 'b', 'both']) directory(`/p/${name}`);
      mountTmpfs('/p/a');
      bindTo('/p', '/q');
      mountTmpfs('/q/b');
      sys.makeShared('/p');
      joinGroup('/p', '/q');
      mountTmpfs('/p/both');
    },
  ],
  [
    'a chain of slaves, with narrower roots',
    () => {
      mountTmpfs('/g1');
      for (const name of ['x', 'x/y']) directory(`/g1/${name}`);
      sys.makeShared('/g1');
      bindTo('/g1', '/peer');
      bindTo('/g1/x', '/g2');
      sys.makeSlave('/g2');
      sys.makeShared('/g2');
      bindTo('/g2/y', '/g3');
      sys.makeSlave('/g3');
      bindTo('/g1', '/also');
      sys.makeSlave('/also');
      mountTmpfs('/g1/x/y');
    },
  ],
  [
    'members of a group without a common root',
    () => {
      mountTmpfs('/g');
      for (const name of ['x', 'y', 'z']) directory(`/g/${name}`);
      sys.makeShared('/g');
      bindTo('/g/x', '/x');
      bindTo('/g/y', '/y');
      bindTo('/g/z', '/slave');
      sys.makeSlave('/slave');
      sys.umount('/g');
    },
  ],
  [
    'unbindable mounts, one of them a slave',
    () => {
      mountTmpfs('/u');
      sys.makeUnbindable('/u');
      mountTmpfs('/u/below');
      mountTmpfs('/m');
      sys.makeShared('/m');
      bindTo('/m', '/s');
      sys.makeSlave('/s');
      bindTo('/m', '/su');
      sys.makeUnbindable('/su');
      joinGroup('/s', '/su');
    },
  ],
  [
    'deleted directories, one of them with its name made again',
    () => {
      mountTmpfs('/d');
      for (const name of ['gone', 'again', 'kept']) directory(`/d/${name}`);
      for (const name of ['gone', 'again', 'kept']) bindTo(`/d/${name}`, `/${name}`);
      bindTo('/d/gone', '/gone2');
      rmdirSync('/d/gone');
      rmdirSync('/d/again');
      directory('/d/again');
      bindTo('/d/again', '/again2');
    },
  ],
  [
    'deleted files, one with a hard link and one replaced by a rename',
    () => {
      mountTmpfs('/d');
      for (const name of ['gone', 'linked', 'replaced', 'new']) writeFileSync(`/d/${name}`, name);
      for (const name of ['gone', 'linked', 'replaced']) {
        writeFileSync(`/${name}`, '');
        sys.bind(`/d/${name}`, `/${name}`);
      }
      linkSync('/d/linked', '/d/other');
      unlinkSync('/d/linked');
      unlinkSync('/d/gone');
      renameSync('/d/new', '/d/replaced');
      writeFileSync('/replaced2', '');
      sys.bind('/d/replaced', '/replaced2');
    },
  ],
  [
    'deleted roots in groups, one of which lost its wider member',
    () => {
      mountTmpfs('/d');
      directory('/d/gone');
      sys.makeShared('/d');
      bindTo('/d/gone', '/a');
      bindTo('/d/gone', '/b');
      sys.makeSlave('/b');
      sys.makePrivate('/d');
      rmdirSync('/d/gone');
    },
  ],
  [
    'a mount beneath another, and stacks',
    () => {
      mountTmpfs('/s', '', 'first');
      mountTmpfs('/s', '', 'second');
      mountBeneath('/s', 'between');
      bindTo('/s', '/again');
      sys.bind('/again', '/s');
    },
  ],
  [
    'files bound on files, and on files of other mounts',
    () => {
      mountTmpfs('/d');
      for (const name of ['/f', '/g', '/d/h', '/d/i']) writeFileSync(name, '');
      sys.bind('/f', '/g');
      sys.bind('/d/h', '/f');
      sys.bind('/d/h', '/d/i');
      sys.bind('/d/i', '/d/h');
      sys.remount('/d/i', ['RDONLY', 'NOEXEC', 'RELATIME']);
    },
  ],
  [
    'a file mounted on a symlink itself',
    () => {
      writeFileSync('/f', '');
      symlinkSync('f', '/link');
      using clone = sys.openTree('/f', ['CLONE']);
      using link = sys.openTree('/link', ['SYMLINK_NOFOLLOW']);
      sys.moveMount(clone, link);
    },
  ],
  [
    'siblings that hide each other',
    () => {
      directory('/x/y/z');
      mountTmpfs('/x/y/z');
      mountTmpfs('/x/y');
      mountTmpfs('/x');
      mountTmpfs('/x/y');
    },
  ],
  [
    'a mount moved into another',
    () => {
      mountTmpfs('/from');
      mountTmpfs('/from/inner');
      mountTmpfs('/to');
      directory('/to/here');
      sys.move('/from', '/to/here');
    },
  ],
  [
    'a filesystem mounted in itself',
    () => {
      mountTmpfs('/d');
      directory('/d/a/b/c');
      sys.bind('/d', '/d/a/b');
      sys.bind('/d/a', '/d/a/b/a');
      sys.makeShared('/d');
      sys.bind('/d/a', '/d/a/b');
    },
  ],
  [
    'read-only superblocks under writable and read-only mounts',
    () => {
      for (const name of ['/both', '/super', '/mount']) mountTmpfs(name);
      for (const name of ['/both', '/super']) {
        directory(`${name}/sub`);
        bindTo(`${name}/sub`, `${name}-sub`);
        makeSuperblockReadOnly(name);
      }
      for (const name of ['/both', '/mount']) sys.remount(name, ['RDONLY', 'RELATIME']);
    },
  ],
  [
    'options of superblocks',
    () => {
      mountTmpfs('/a', 'size=64k,mode=1777');
      mountTmpfs('/b', 'nr_inodes=100,mode=700,uid=0,gid=0');
      mountTmpfs('/c', 'size=0,nr_inodes=0');
      directory('/pts');
      sys.mount('devpts', '/pts', { type: 'devpts', options: 'newinstance,mode=620,ptmxmode=666' });
      directory('/ram');
      sys.mount('ram', '/ram', { type: 'ramfs' });
    },
  ],
  [
    'names that are hard to write',
    () => {
      const names = [
        'a b',
        'a\tb',
        'a\nb',
        'a\\b',
        '#hash',
        'a\\040b',
        ' ',
        'ä€😀',
        '\udcff\udc80x',
        '-',
        'gone//deleted',
      ];
      mountTmpfs('/d');
      for (const name of names) {
        directory(`/d/${name}`);
        bindTo(`/d/${name}`, `/bound ${name}`);
        mountTmpfs(`/${name}`, '', name);
        mountTmpfs(`/${name}/${name}`, 'size=64k', `#${name}`);
      }
      mountTmpfs(`/${'long'.repeat(63)}`);
    },
  ],
  [
    'sources that are hard to write',
    () => {
      for (const [i, source] of ['', ' ', 'none', '/dev/sda1', 'a,b=c', '-', '- -', 'x\\'].entries()) {
        mountTmpfs(`/s${i}`, '', source);
      }
    },
  ],
];

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)(
  'a live tree, captured and restored, is the same: %s',
  (engine) => {
    expectNoLeakedFds();

    test.each(CASES)('%s', async (_, build) => {
      // Of some filesystems only a part is mounted.
      await expectShapeComesBack(build, engine, { fresh: 'all' });
    });

    test('a root that is covered, as it is seen from inside', async () => {
      let captured = new MountTree([]);
      using _live = new LiveNamespace(
        () => {
          mountTmpfs('/below');
          sys.makeShared('/below');
          sys.mount('cover', '/', { type: 'tmpfs' });
          captured = captureTree(); // whoever enters later finds the cover alone
        },
        { proc: true },
      );
      expect(captured.mounts.filter(({ mountPoint }) => mountPoint === '/')).toHaveLength(2);
      using _restored = await restoreSame(captured, engine);
    });
  },
);
