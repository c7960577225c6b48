import { linkSync, mkdirSync, renameSync, rmdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { encodeBytes } from '../../lib/model/bytes.ts';
import { diffTrees } from '../../lib/model/diff.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture.ts';
import type { MountNamespace } from '../../lib/system/namespace.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore.ts';
import { inside } from '../support/inside.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';

const ENGINES = ['detached', 'yard'] as const;
type Engine = (typeof ENGINES)[number];

const EMPTY = parseMountinfo('1 0 0:1 / / rw,relatime - tmpfs root rw,mode=755\n');
const WITH_PROC = parseMountinfo(
  '1 0 0:1 / / rw,relatime - tmpfs root rw,mode=755\n2 1 0:2 / /proc rw,relatime - proc proc rw\n',
);

// As the machine's root only: elsewhere the kernel prints owners as ids that no mount there can be given.

/** A namespace whose root is an empty tmpfs, in which `build` mounts what it likes. */
function live<T>(build: () => T, tree = EMPTY): { namespace: MountNamespace; built: T } & Disposable {
  const { namespace } = restoreTreeSync(tree);
  if (!namespace) throw new Error('no namespace was made');
  try {
    return { namespace, built: inside(namespace, build), [Symbol.dispose]: () => namespace.close() };
  } catch (error) {
    namespace.close();
    throw error;
  }
}

async function expectSameAgain(captured: MountTree, engine: Engine): Promise<void> {
  // Of some filesystems only a part is mounted.
  using restored = await restoreTree(captured, { fresh: 'all', engine });
  expect(restored.differences).toEqual([]);
  // Not only as planned: as captured.
  expect(diffTrees(captured, restored.tree)).toEqual([]);
  expect(restored.tree.size).toBe(captured.size);
}

const dir = (path: string) => mkdirSync(encodeBytes(path) as Buffer, { recursive: true });
function tmpfs(path: string, options = '', source = path): void {
  dir(path);
  sys.mount(source, path, { type: 'tmpfs', options });
}
function bind(from: string, to: string): void {
  dir(to);
  sys.bind(from, to);
}
function setGroup(from: string, to: string): void {
  using a = sys.openTree(from);
  using b = sys.openTree(to);
  sys.moveMount(a, b, ['SET_GROUP']);
}

const CASES: [title: string, build: () => void][] = [
  [
    'peers with different children',
    () => {
      tmpfs('/p');
      for (const name of ['a', 'b', 'both']) dir(`/p/${name}`);
      tmpfs('/p/a');
      bind('/p', '/q');
      tmpfs('/q/b');
      sys.makeShared('/p');
      setGroup('/p', '/q');
      tmpfs('/p/both');
    },
  ],
  [
    'a chain of slaves, with narrower roots',
    () => {
      tmpfs('/g1');
      for (const name of ['x', 'x/y']) dir(`/g1/${name}`);
      sys.makeShared('/g1');
      bind('/g1', '/peer');
      bind('/g1/x', '/g2');
      sys.makeSlave('/g2');
      sys.makeShared('/g2');
      bind('/g2/y', '/g3');
      sys.makeSlave('/g3');
      bind('/g1', '/also');
      sys.makeSlave('/also');
      tmpfs('/g1/x/y');
    },
  ],
  [
    'members of a group without a common root',
    () => {
      tmpfs('/g');
      for (const name of ['x', 'y', 'z']) dir(`/g/${name}`);
      sys.makeShared('/g');
      bind('/g/x', '/x');
      bind('/g/y', '/y');
      bind('/g/z', '/slave');
      sys.makeSlave('/slave');
      sys.umount('/g');
    },
  ],
  [
    'unbindable mounts, one of them a slave',
    () => {
      tmpfs('/u');
      sys.makeUnbindable('/u');
      tmpfs('/u/below');
      tmpfs('/m');
      sys.makeShared('/m');
      bind('/m', '/s');
      sys.makeSlave('/s');
      bind('/m', '/su');
      sys.makeUnbindable('/su');
      setGroup('/s', '/su');
    },
  ],
  [
    'deleted directories, one of them with its name made again',
    () => {
      tmpfs('/d');
      for (const name of ['gone', 'again', 'kept']) dir(`/d/${name}`);
      for (const name of ['gone', 'again', 'kept']) bind(`/d/${name}`, `/${name}`);
      bind('/d/gone', '/gone2');
      rmdirSync('/d/gone');
      rmdirSync('/d/again');
      dir('/d/again');
      bind('/d/again', '/again2');
    },
  ],
  [
    'deleted files, one with a hard link and one replaced by a rename',
    () => {
      tmpfs('/d');
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
      tmpfs('/d');
      dir('/d/gone');
      sys.makeShared('/d');
      bind('/d/gone', '/a');
      bind('/d/gone', '/b');
      sys.makeSlave('/b');
      sys.makePrivate('/d');
      rmdirSync('/d/gone');
    },
  ],
  [
    'a mount beneath another, and stacks',
    () => {
      tmpfs('/s', '', 'first');
      tmpfs('/s', '', 'second');
      using context = sys.fsopen('tmpfs');
      sys.fsconfigString(context, 'source', 'between');
      sys.fsconfigCreate(context);
      using between = sys.fsmount(context);
      sys.moveMount(between, '/s', ['BENEATH']);
      bind('/s', '/again');
      sys.bind('/again', '/s');
    },
  ],
  [
    'files bound on files, and on files of other mounts',
    () => {
      tmpfs('/d');
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
      dir('/x/y/z');
      tmpfs('/x/y/z');
      tmpfs('/x/y');
      tmpfs('/x');
      tmpfs('/x/y');
    },
  ],
  [
    'a mount moved into another',
    () => {
      tmpfs('/from');
      tmpfs('/from/inner');
      tmpfs('/to');
      dir('/to/here');
      sys.move('/from', '/to/here');
    },
  ],
  [
    'a filesystem mounted in itself',
    () => {
      tmpfs('/d');
      dir('/d/a/b/c');
      sys.bind('/d', '/d/a/b');
      sys.bind('/d/a', '/d/a/b/a');
      sys.makeShared('/d');
      sys.bind('/d/a', '/d/a/b');
    },
  ],
  [
    'every combination of per-mount flags',
    () => {
      tmpfs('/d');
      const flags = ['RDONLY', 'NOSUID', 'NODEV', 'NOEXEC', 'NODIRATIME', 'NOSYMFOLLOW'] as const;
      const atimes = ['RELATIME', 'NOATIME', 'STRICTATIME'] as const;
      for (let bits = 0; bits < 64; bits += 1) {
        for (const atime of atimes) {
          const path = `/${bits}-${atime}`;
          bind('/d', path);
          const set = flags.filter((_, i) => (bits >> i) & 1);
          sys.mountSetattr(path, {
            set: [...set, ...(atime === 'RELATIME' ? [] : [atime])],
            clear: [...flags, '__ATIME'],
          });
        }
      }
    },
  ],
  [
    'read-only superblocks under writable and read-only mounts',
    () => {
      for (const name of ['/both', '/super', '/mount']) tmpfs(name);
      for (const name of ['/both', '/super']) {
        dir(`${name}/sub`);
        bind(`${name}/sub`, `${name}-sub`);
        using context = sys.fspick(name);
        sys.fsconfigFlag(context, 'ro');
        sys.fsconfigReconfigure(context);
      }
      for (const name of ['/both', '/mount']) sys.remount(name, ['RDONLY', 'RELATIME']);
    },
  ],
  [
    'options of superblocks',
    () => {
      tmpfs('/a', 'size=64k,mode=1777');
      tmpfs('/b', 'nr_inodes=100,mode=700,uid=0,gid=0');
      tmpfs('/c', 'size=0,nr_inodes=0');
      dir('/pts');
      sys.mount('devpts', '/pts', { type: 'devpts', options: 'newinstance,mode=620,ptmxmode=666' });
      dir('/ram');
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
      tmpfs('/d');
      for (const name of names) {
        dir(`/d/${name}`);
        bind(`/d/${name}`, `/bound ${name}`);
        tmpfs(`/${name}`, '', name);
        tmpfs(`/${name}/${name}`, 'size=64k', `#${name}`);
      }
      tmpfs(`/${'long'.repeat(63)}`);
    },
  ],
  [
    'sources that are hard to write',
    () => {
      for (const [i, source] of ['', ' ', 'none', '/dev/sda1', 'a,b=c', '-', '- -', 'x\\'].entries()) {
        tmpfs(`/s${i}`, '', source);
      }
    },
  ],
];

describe.skipIf(!isMachineRoot).each(ENGINES)(
  'a live tree, captured and restored, is the same: %s',
  (engine) => {
    expectNoLeakedFds();

    test.each(CASES)('%s', async (_, build) => {
      using made = live(build);
      const captured = made.namespace.capture();
      expect(captured.size).toBeGreaterThan(1);
      await expectSameAgain(captured, engine);
    });

    test('a root that is covered', async () => {
      using made = live(() => {
        tmpfs('/below');
        sys.makeShared('/below');
        sys.mount('cover', '/', { type: 'tmpfs' });
        return captureTree();
      }, WITH_PROC);
      expect(made.built.mounts.filter(({ mountPoint }) => mountPoint === '/')).toHaveLength(2);
      await expectSameAgain(made.built, engine);
    });
  },
);

describe.skipIf(!isMachineRoot).each(ENGINES)(
  'random live trees, captured and restored, are the same: %s',
  (engine) => {
    expectNoLeakedFds();

    test.each(Array.from({ length: 60 }, (_, seed) => seed))('seed %i', async (seed) => {
      using made = live(() => makeAtRandom(randomFrom(seed)));
      await expectSameAgain(made.namespace.capture(), engine);
    });
  },
);

/** Whole numbers below `limit`, the same ones for the same seed (mulberry32). */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed * 0x9e3779b9 + 1;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** Mounts, binds, moves, changes and removes; what the kernel refuses is left out. */
function makeAtRandom(random: (limit: number) => number): void {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const places = ['/a', '/b', '/c', '/a/x', '/a/y', '/b/x', '/b/x/z', '/c/x', '/c/x/y'];
  const make = () => {
    for (const place of places) attempt(() => dir(place));
  };
  const actions: (() => void)[] = [
    () => sys.mount(pick(['one', 'two']), pick(places), { type: 'tmpfs', options: pick(['', 'size=64k']) }),
    () => sys.bind(pick(places), pick(places)),
    () => sys.bind(pick(places), pick(places), { recursive: true }),
    () => sys.makeShared(pick(places)),
    () => sys.makeShared(pick(places), { recursive: true }),
    () => sys.makeSlave(pick(places)),
    () => sys.makePrivate(pick(places)),
    () => sys.makeUnbindable(pick(places)),
    () => sys.remount(pick(places), pick([['RDONLY'], ['NOSUID', 'NOATIME'], ['NODEV', 'RELATIME'], []])),
    () => sys.move(pick(places), pick(places)),
    () => sys.umount(pick(places), ['DETACH']),
    () => setGroup(pick(places), pick(places)),
    () => rmdirSync(pick(places)),
    () => {
      using clone = sys.openTree(pick(places), ['CLONE']);
      sys.moveMount(clone, pick(places), ['BENEATH']);
    },
  ];
  make();
  for (let i = 0; i < 60; i += 1) {
    attempt(pick(actions));
    make();
  }
}

function attempt(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}
