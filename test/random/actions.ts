import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { MountError } from '../../lib/errors.ts';
import { AT_FDCWD } from '../../lib/flags.ts';
import { encodeBytes } from '../../lib/model/bytes.ts';
import * as sys from '../../lib/sys.ts';
import { native } from '../../lib/system/calls/native.ts';
import type { NodeType, Operation, Sharing } from './operation.ts';
import type { World } from './world.ts';

const NODE_TYPES = { fifo: 0o010000, socket: 0o140000 } as const;
const FLAGS = ['RDONLY', 'NOSUID', 'NODEV', 'NOEXEC', 'NODIRATIME', 'NOSYMFOLLOW'] as const;
const MAKE: { readonly [as in Sharing]: (at: string, options: sys.Recursion) => void } = {
  shared: sys.makeShared,
  slave: sys.makeSlave,
  private: sys.makePrivate,
  unbindable: sys.makeUnbindable,
};

type OperationOf<K extends Operation['do']> = Extract<Operation, { do: K }>;

const ACTIONS: { readonly [K in Operation['do']]: (operation: OperationOf<K>, world: World) => void } = {
  mount({ source, at, type, flags, options }) {
    makeDirectory(at);
    sys.mount(source, at, { type, flags, options });
  },
  bind({ from, to, recursive }) {
    makePlaceFor(from, to);
    sys.bind(from, to, { recursive });
  },
  clone,
  move({ from, to }) {
    makeDirectory(to);
    sys.move(from, to);
  },
  umount({ at, detach }) {
    sys.umount(at, detach ? ['DETACH'] : []);
  },
  attributes({ at, set, recursive }) {
    sys.mountSetattr(at, { set, clear: [...FLAGS, '__ATIME'] }, recursive ? ['RECURSIVE'] : []);
  },
  superblock({ at, readOnly }) {
    using context = sys.fspick(at);
    sys.fsconfigFlag(context, readOnly ? 'ro' : 'rw');
    sys.fsconfigReconfigure(context);
  },
  propagation({ at, as, recursive }) {
    MAKE[as](at, { recursive });
  },
  group(operation) {
    using from = sys.openTree(operation.from);
    using to = sys.openTree(operation.to);
    sys.moveMount(from, to, ['SET_GROUP']);
  },
  node,
  own({ at, mode, owner }) {
    chownSync(bytes(at), owner, owner);
    chmodSync(bytes(at), mode);
  },
  remove({ at }) {
    const path = bytes(at);
    if (lstatSync(path).isDirectory()) rmdirSync(path);
    else unlinkSync(path);
  },
  rename,
  link({ from, to }) {
    linkSync(bytes(from), bytes(to));
  },
  cover({ source }) {
    sys.mount(source, '/', { type: 'tmpfs', options: 'mode=755' });
  },
  pivot({ at }) {
    makeDirectory(`${at}/old`);
    sys.pivotRoot(at, `${at}/old`);
  },
  unshare({ following }, world) {
    sys.unshare(['NEWNS']);
    world.namespaces.push(world.workshop.ownNamespace());
    if (following) sys.makeSlave('/', { recursive: true });
  },
  enter({ namespace }, world) {
    const chosen = world.namespaces[namespace];
    if (chosen) sys.setns(chosen.fd, ['NEWNS']);
  },
};

/** Does it in the calling thread's namespace. @throws what {@link refusalOf} tells apart. */
export function perform<K extends Operation['do']>(operation: OperationOf<K>, world: World): void {
  (ACTIONS[operation.do] as (operation: OperationOf<K>, world: World) => void)(operation, world);
}

/** The name of the errno, where it was the kernel that refused. */
export function refusalOf(error: unknown): string | undefined {
  if (error instanceof MountError) return error.code;
  return error instanceof Error && 'errno' in error && 'code' in error ? String(error.code) : undefined;
}

export const bytes = (path: string) => encodeBytes(path) as Buffer;
const parentOf = (path: string) => path.slice(0, Math.max(1, path.lastIndexOf('/')));

/** With those above it; not by Node's own `recursive`, which tries forever in a proc or a deleted directory. */
function makeDirectory(path: string): void {
  for (let end = path.indexOf('/', 1); ; end = path.indexOf('/', end + 1)) {
    const directory = bytes(end < 0 ? path : path.slice(0, end));
    if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) mkdirSync(directory);
    if (end < 0) return;
  }
}

/** A directory or a file, as what is bound there. */
function makePlaceFor(from: string, to: string): void {
  const isDirectory = lstatSync(bytes(from)).isDirectory();
  makeDirectory(isDirectory ? to : parentOf(to));
  if (!lstatSync(bytes(to), { throwIfNoEntry: false })) writeFileSync(bytes(to), '');
}

function clone(operation: OperationOf<'clone'>, { workshop }: World): void {
  const { from, to, recursive, beneath, noFollow, idmapped } = operation;
  if (!noFollow) makePlaceFor(from, to);
  const follow = noFollow ? (['SYMLINK_NOFOLLOW'] as const) : [];
  const depth = recursive ? (['RECURSIVE'] as const) : [];
  using copy = sys.openTree(from, ['CLONE', ...depth, ...follow]);
  if (idmapped) sys.mountSetattr(copy, { set: ['IDMAP'], userNamespace: workshop.userNamespace }, depth);
  using place = sys.openTree(to, follow);
  sys.moveMount(copy, place, beneath ? ['BENEATH'] : []);
}

function rename({ from, to, outside }: OperationOf<'rename'>, { workshop }: World): void {
  if (!outside) {
    renameSync(bytes(from), bytes(to));
    return;
  }
  using source = sys.openat2(parentOf(from), { flags: ['PATH', 'DIRECTORY'] });
  using target = sys.openat2(parentOf(to), { flags: ['PATH', 'DIRECTORY'] });
  const below = ({ number }: { readonly number: number }, path: string) =>
    bytes(`/proc/self/fd/${number}/${path.slice(path.lastIndexOf('/') + 1)}`);
  workshop.atHome(() => renameSync(below(source, from), below(target, to)));
}

function node({ at, kind, mode }: OperationOf<'node'>): void {
  makeDirectory(parentOf(at));
  const path = bytes(at);
  if (kind === 'symlink') {
    symlinkSync('/f', path);
    return;
  }
  makeNode(path, kind);
  chmodSync(path, mode);
}

function makeNode(path: Buffer, kind: Exclude<NodeType, 'symlink'>): void {
  if (kind === 'directory') mkdirSync(path);
  else if (kind === 'file') writeFileSync(path, '', { flag: 'wx' });
  else native.sys.mknodat(AT_FDCWD, path, NODE_TYPES[kind] | 0o600, 0n);
}
