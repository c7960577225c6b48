import fc from 'fast-check';
import type { MountAttribute } from '../../lib/sys.ts';
import type { MountFlag } from '../../lib/system/calls/mount.ts';

/** How a filesystem is mounted. */
export interface NewMount {
  readonly do: 'mount';
  readonly type: 'tmpfs' | 'ramfs' | 'proc' | 'devpts';
  readonly source: string;
  readonly at: string;
  readonly flags: readonly MountFlag[];
  readonly options: string;
}

/** What is done in a scratch namespace, as data. What the kernel refuses is left out. */
export type Operation =
  | NewMount
  | { readonly do: 'bind'; readonly from: string; readonly to: string; readonly recursive: boolean }
  | {
      // open_tree(2) and move_mount(2): can do what mount(2) cannot.
      readonly do: 'clone';
      readonly from: string;
      readonly to: string;
      readonly recursive: boolean;
      readonly beneath: boolean;
      /** Takes symlinks for themselves. */
      readonly noFollow: boolean;
      readonly idmapped: boolean;
    }
  | { readonly do: 'move'; readonly from: string; readonly to: string }
  | { readonly do: 'umount'; readonly at: string; readonly detach: boolean }
  | {
      readonly do: 'attributes';
      readonly at: string;
      readonly set: readonly MountAttribute[];
      readonly recursive: boolean;
    }
  | { readonly do: 'superblock'; readonly at: string; readonly readOnly: boolean }
  | { readonly do: 'propagation'; readonly at: string; readonly as: Sharing; readonly recursive: boolean }
  | { readonly do: 'group'; readonly from: string; readonly to: string }
  | { readonly do: 'node'; readonly at: string; readonly kind: NodeType; readonly mode: number }
  | { readonly do: 'own'; readonly at: string; readonly mode: number; readonly owner: number }
  | { readonly do: 'remove'; readonly at: string }
  | {
      readonly do: 'rename';
      readonly from: string;
      readonly to: string;
      /** From another mount namespace, where neither is a mount point. */
      readonly outside: boolean;
    }
  | { readonly do: 'link'; readonly from: string; readonly to: string }
  | { readonly do: 'cover'; readonly source: string }
  | { readonly do: 'pivot'; readonly at: string }
  | { readonly do: 'unshare'; readonly following: boolean }
  | { readonly do: 'enter'; readonly namespace: number };

export type Sharing = 'shared' | 'slave' | 'private' | 'unbindable';
export type NodeType = 'directory' | 'file' | 'fifo' | 'socket' | 'symlink';

/** One case: what is done, and what is looked at afterwards. */
export interface Case {
  readonly operations: readonly Operation[];
  /** Captures the last namespace alone: masters may then lie outside. */
  readonly alone: boolean;
  /** Chooses the mount that something is mounted on, to see where copies appear. */
  readonly probe: number;
}

const LONG = 'n'.repeat(255);
const DIRECTORIES = ['/a', '/b', '/c', '/a/x', '/a/y', '/b/x', '/b/x/z', '/c/x', '/c/x/y'];
const ODD = ['/a b', '/a b/x', '/a\nb', '/b\\', '/a/#h', '/c/\udcff', `/${LONG}`, '/b/-', '/a/ä\\040'];
const FILES = ['/f', '/g', '/a/f', '/b/x/f', '/a b/f\t'];

const directory = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...DIRECTORIES) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD) },
);
const file = fc.constantFrom(...FILES);
const place = fc.oneof({ weight: 5, arbitrary: directory }, { weight: 1, arbitrary: file });
const source = fc.constantFrom('one', 'two', '', 'none', '#a b', '\udc80\n', '- x');
const seldom = fc.nat(5).map((n) => n === 5);
const mode = fc.constantFrom(0o755, 0o700, 0o1777, 0o2750, 0o644, 0o111);

const tmpfs: fc.Arbitrary<NewMount> = fc.record({
  do: fc.constant('mount' as const),
  type: fc.constant('tmpfs' as const),
  source,
  at: directory,
  flags: fc.subarray<MountFlag>(['RDONLY', 'SYNCHRONOUS', 'DIRSYNC', 'LAZYTIME', 'NOSUID', 'NOATIME'], {
    maxLength: 2,
  }),
  options: fc
    .subarray(['size=1m', 'mode=700', 'uid=7', 'nr_inodes=5000'], { maxLength: 2 })
    .map((words) => words.join(',')),
});

const otherFilesystem: fc.Arbitrary<Operation> = fc.record({
  do: fc.constant('mount' as const),
  type: fc.constantFrom('ramfs' as const, 'ramfs' as const, 'proc' as const, 'devpts' as const),
  source,
  at: directory,
  flags: fc.constant([]),
  options: fc.constant(''),
});

const pair = (from: fc.Arbitrary<string>, to: fc.Arbitrary<string>) => ({ from, to });

/** Each kind of operation, and how often it comes. */
const OPERATIONS: readonly (readonly [number, fc.Arbitrary<Operation>])[] = [
  [6, tmpfs],
  [1, otherFilesystem],
  [6, fc.record({ do: fc.constant('bind' as const), ...pair(place, place), recursive: fc.boolean() })],
  [
    3,
    fc.record({
      do: fc.constant('clone' as const),
      ...pair(place, place),
      recursive: seldom,
      beneath: fc.boolean(),
      noFollow: seldom,
      idmapped: seldom,
    }),
  ],
  [2, fc.record({ do: fc.constant('move' as const), ...pair(directory, directory) })],
  [2, fc.record({ do: fc.constant('umount' as const), at: place, detach: fc.boolean() })],
  [
    2,
    fc.record({
      do: fc.constant('attributes' as const),
      at: place,
      set: attributeSets(),
      recursive: seldom,
    }),
  ],
  [
    1,
    fc.record({
      do: fc.constant('superblock' as const),
      at: directory,
      readOnly: fc.nat(3).map((n) => n > 0),
    }),
  ],
  [
    7,
    fc.record({
      do: fc.constant('propagation' as const),
      at: fc.oneof({ weight: 8, arbitrary: place }, { weight: 1, arbitrary: fc.constant('/') }),
      as: fc.constantFrom<Sharing>('shared', 'shared', 'shared', 'slave', 'slave', 'private', 'unbindable'),
      recursive: seldom,
    }),
  ],
  [2, fc.record({ do: fc.constant('group' as const), ...pair(place, place) })],
  [
    2,
    fc.record({
      do: fc.constant('node' as const),
      at: place,
      kind: fc.constantFrom<NodeType>('directory', 'file', 'file', 'fifo', 'socket', 'symlink'),
      mode,
    }),
  ],
  [1, fc.record({ do: fc.constant('own' as const), at: place, mode, owner: fc.constantFrom(0, 0, 5, 1000) })],
  [4, fc.record({ do: fc.constant('remove' as const), at: place })],
  [2, fc.record({ do: fc.constant('rename' as const), ...pair(place, place), outside: fc.boolean() })],
  [1, fc.record({ do: fc.constant('link' as const), ...pair(file, file) })],
  [1, fc.record({ do: fc.constant('unshare' as const), following: seldom })],
  [1, fc.record({ do: fc.constant('enter' as const), namespace: fc.nat(2) })],
];

/** Seldom in a case at all, because little can be seen or done after them. */
const DRASTIC: fc.Arbitrary<Operation[]> = fc.oneof(
  source.map((name): Operation[] => [{ do: 'cover', source: name }]),
  fc.tuple(tmpfs, directory).map(([made, at]): Operation[] => [
    { ...made, at, flags: [], options: '' },
    { do: 'pivot', at },
  ]),
);

function attributeSets(): fc.Arbitrary<MountAttribute[]> {
  const flags = fc.subarray<MountAttribute>(
    ['RDONLY', 'NOSUID', 'NODEV', 'NOEXEC', 'NODIRATIME', 'NOSYMFOLLOW'],
    {
      maxLength: 3,
    },
  );
  const atime = fc.constantFrom<MountAttribute[]>([], [], ['NOATIME'], ['STRICTATIME']);
  return fc.tuple(flags, atime).map(([some, one]) => [...some, ...one]);
}

const ordinary = fc.oneof(...OPERATIONS.map(([weight, arbitrary]) => ({ weight, arbitrary })));

/** What seldom comes about by itself, done in one go. */
const sequences: fc.Arbitrary<Operation[]> = fc.oneof(
  fc.tuple(place, place).map(([from, to]): Operation[] => [
    { do: 'bind', from, to, recursive: false },
    { do: 'remove', at: from },
  ]),
  fc.tuple(tmpfs, fc.constantFrom('/a', '/b', '/c'), directory).map(([made, at, to]): Operation[] => [
    { ...made, at },
    { do: 'node', at: `${at}/x`, kind: 'directory', mode: 0o755 },
    { do: 'bind', from: `${at}/x`, to, recursive: false },
    { do: 'umount', at, detach: true },
  ]),
  fc.tuple(file, file).map(([from, to]): Operation[] => [
    { do: 'node', at: from, kind: 'file', mode: 0o600 },
    { do: 'bind', from, to, recursive: false },
    { do: 'remove', at: from },
  ]),
  // Two directories that had one path and were deleted, perhaps with a third that lives.
  fc
    .tuple(directory, directory, directory, fc.boolean())
    .map(([at, one, two, third]): Operation[] => [
      { do: 'bind', from: at, to: one, recursive: false },
      { do: 'remove', at },
      { do: 'node', at, kind: 'directory', mode: 0o755 },
      { do: 'bind', from: at, to: two, recursive: false },
      { do: 'remove', at },
      ...(third ? [{ do: 'node', at, kind: 'directory', mode: 0o755 } as const] : []),
    ]),
  // A directory with something mounted on it is moved out of what the mount below shows.
  fc
    .tuple(tmpfs, fc.constantFrom('/a', '/b', '/c'), fc.constantFrom('/m', '/n'))
    .map(([made, at, to]): Operation[] => [
      { ...made, at, flags: [] },
      { do: 'node', at: `${at}/x/y`, kind: 'directory', mode: 0o700 },
      { do: 'bind', from: `${at}/x`, to, recursive: false },
      { ...made, at: `${to}/y`, flags: [] },
      { do: 'rename', from: `${at}/x/y`, to: `${at}/out`, outside: true },
    ]),
  fc.tuple(directory, directory, directory).map(([from, group, to]): Operation[] => [
    { do: 'propagation', at: from, as: 'shared', recursive: false },
    { do: 'bind', from, to: group, recursive: false },
    { do: 'bind', from: group, to, recursive: false },
    { do: 'propagation', at: to, as: 'slave', recursive: false },
  ]),
);

const steps = (constraints: fc.ArrayConstraints) =>
  fc
    .array(
      fc.oneof(
        { weight: 8, arbitrary: ordinary.map((operation) => [operation]) },
        { weight: 1, arbitrary: sequences },
      ),
      { ...constraints, size: 'max' },
    )
    .map((lists) => lists.flat());

export const cases: fc.Arbitrary<Case> = fc.record({
  operations: fc
    .tuple(
      steps({ minLength: 3, maxLength: 60 }),
      fc.oneof({ weight: 3, arbitrary: fc.constant<Operation[]>([]) }, { weight: 1, arbitrary: DRASTIC }),
      steps({ maxLength: 15 }),
    )
    .map((parts) => parts.flat()),
  alone: seldom,
  probe: fc.nat(),
});
