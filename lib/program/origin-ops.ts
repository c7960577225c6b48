/** Ops that make filesystems and what is in them. */
import {
  AT,
  FSCONFIG,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  FSPICK,
  MNT,
  MS,
  OPEN_TREE,
  RENAME,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFREG,
  S_IFSOCK,
} from '../flags.ts';
import { encodeBytes } from '../model/bytes.ts';
import type { ActionOf, Origin, OriginId } from '../plan/steps/steps.ts';
import type { Emitter } from './emitter.ts';
import { goHome, leaveHome } from './home.ts';
import type { Way } from './way.ts';

const DIRECTORY_MODE = 0o755;
const FILE_MODE = 0o644;

/** fsconfig(2) takes no string longer than 255 bytes; mount(2) takes a source of up to a page. */
const LONGEST_PARAMETER = 255;

function originSlot(emitter: Emitter, id: OriginId, origin: Origin): number {
  return emitter.slotOfOrigin(
    id,
    origin.kind === 'host' ? `clone of ${origin.source}` : `${origin.type} ${id}`,
  );
}

/** Whether its source is one for mount(2) alone. */
export function hasLongSource(origin: Origin): boolean {
  if (origin.kind !== 'filesystem' || origin.source.length <= LONGEST_PARAMETER / 3) return false;
  return encodeBytes(origin.source).length > LONGEST_PARAMETER;
}

/** fsopen, fsconfig, fsmount: a detached mount of a new filesystem, or of a window. */
export function makeFilesystem(emitter: Emitter, id: OriginId, origin: Origin, attributes = 0): void {
  if (origin.kind !== 'filesystem' || hasLongSource(origin)) return; // made beforehand, see longSourceOps
  const context = emitter.temporary(`${origin.type} context`);
  emitter.fsopen(origin.type, FSOPEN_CLOEXEC, context);
  emitter.fsconfig(context, FSCONFIG.SET_STRING, 'source', origin.source);
  for (const { key, value } of origin.parameters)
    emitter.fsconfig(context, value === undefined ? FSCONFIG.SET_FLAG : FSCONFIG.SET_STRING, key, value);
  emitter.fsconfig(context, FSCONFIG.CMD_CREATE);
  emitter.fsmount(context, FSMOUNT_CLOEXEC, originSlot(emitter, id, origin), attributes);
  emitter.close(context);
}

/**
 * Filesystems whose source is too long for fsconfig(2): mounted by mount(2) over the root of a throw-away namespace,
 * cloned from there by way of `/..`, which leads onto what covers the root, and then back to the caller's namespace.
 */
export function longSourceOps(emitter: Emitter, origins: readonly Origin[]): void {
  if (!origins.some(hasLongSource)) return;
  const long = origins.flatMap((origin, id) =>
    origin.kind === 'filesystem' && hasLongSource(origin) ? [{ origin, id }] : [],
  );
  leaveHome(emitter);
  emitter.op('mount', { s2: '/', f1: MS.REC | MS.PRIVATE });
  for (const { origin, id } of long) {
    const data = origin.parameters
      .map(({ key, value }) => (value === undefined ? key : `${key}=${value}`))
      .join(',');
    emitter.op('mount', { s1: origin.source, s2: '/', s3: origin.type, n: data });
    emitter.op('open_tree', {
      s1: '/..',
      n: OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC,
      out: originSlot(emitter, id, origin),
    });
    emitter.op('umount2', { s1: '/..', f1: MNT.DETACH });
  }
  goHome(emitter);
}

export function makeNode(emitter: Emitter, step: ActionOf<'make-node' | 'make-mount-point'>, way: Way): void {
  const origin = emitter.origin(step.origin);
  const path = step.path.slice(1);
  if (step.kind === 'make-node') {
    if (step.path === '/') settleNode(emitter, origin, '.', step);
    else way.lead(origin, path, makeNodeAt, step);
    return;
  }
  makeMountPoint(emitter, origin, path, step.node === 'directory');
}

function makeNodeAt(emitter: Emitter, directory: number, name: string, step: ActionOf<'make-node'>): void {
  createNode(emitter, directory, name, step);
  settleNode(emitter, directory, name, step);
}

const NODE_TYPES = {
  file: S_IFREG,
  fifo: S_IFIFO,
  socket: S_IFSOCK,
  character: S_IFCHR,
  block: S_IFBLK,
} as const;
/** What mkdirat(2) and mknodat(2) set of a mode by themselves. */
const SET_BY_MAKING = 0o1777;

function createNode(emitter: Emitter, directory: number, name: string, step: ActionOf<'make-node'>): void {
  const { kind, mode, target, device } = step.status ?? { kind: step.node, mode: undefined };
  if (kind === 'directory') {
    emitter.mkdirat(directory, name, (mode ?? DIRECTORY_MODE) & SET_BY_MAKING);
  } else if (kind === 'symlink') {
    emitter.op('symlinkat', { s1: target ?? '', a: directory, s2: name });
  } else {
    const f1 = NODE_TYPES[kind] | ((mode ?? FILE_MODE) & SET_BY_MAKING);
    if (device === undefined) {
      emitter.mknodat(directory, name, f1);
      return;
    }
    const [major = 0, minor = 0] = device.split(':').map(Number);
    emitter.op('mknodat', { a: directory, s1: name, f1, f2: deviceNumber(major, minor) });
  }
}

const EINVAL = 22;

/**
 * Owner and mode, in that order, of a node whose status is told. It was made here as no symlink and nobody else can
 * reach it, so that fchmodat(2) follows nothing.
 */
function settleNode(
  emitter: Emitter,
  directory: number,
  name: string,
  { status }: ActionOf<'make-node'>,
): void {
  if (!status) return;
  // An id that is not mapped in the user namespace is EINVAL: the node stays its root's.
  emitter.op('fchownat', {
    a: directory,
    s1: name,
    f1: status.uid,
    f2: status.gid,
    n: AT.SYMLINK_NOFOLLOW,
    tolerate: EINVAL,
  });
  if (status.kind !== 'symlink') emitter.op('fchmodat', { a: directory, s1: name, f1: status.mode });
}

export function setMode(emitter: Emitter, step: ActionOf<'set-mode'>): void {
  emitter.withinReach(emitter.origin(step.origin), step.path.slice(1) || '.', (directory, name) => {
    emitter.op('fchmodat', { a: directory, s1: name, f1: step.mode });
  });
}

const EEXIST = 17;

/** In a host filesystem: below the fd only, and taken back when the restore fails. */
function makeMountPoint(emitter: Emitter, origin: number, path: string, directory: boolean): void {
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  const parent = emitter.heldDirectory(origin, slash < 0 ? '' : path.slice(0, slash));
  const made = directory
    ? emitter.op('mkdirat', { a: parent, s1: name, f1: DIRECTORY_MODE, tolerate: EEXIST })
    : emitter.op('mknodat', { a: parent, s1: name, f1: S_IFREG | FILE_MODE, tolerate: EEXIST });
  emitter.undo(made, 'unlinkat', { a: parent, s1: name, n: directory ? AT.REMOVEDIR : 0 });
}

export function makeDevice(emitter: Emitter, step: ActionOf<'make-device'>): void {
  emitter.op('mknodat', {
    a: emitter.origin(step.origin),
    s1: step.path.slice(1),
    f1: S_IFCHR | step.permissions,
    f2: deviceNumber(step.major, step.minor),
  });
}

/** As the mknodat(2) system call takes it (include/linux/kdev_t.h, new_encode_dev). */
function deviceNumber(major: number, minor: number): number {
  return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
}

export function makeLink(emitter: Emitter, step: ActionOf<'make-link'>): void {
  emitter.op('symlinkat', {
    s1: step.target,
    a: emitter.origin(step.origin),
    s2: step.path.slice(1),
  });
}

export function linkNode(emitter: Emitter, step: ActionOf<'link'>): void {
  const origin = emitter.origin(step.origin);
  emitter.withinReach(origin, step.from.slice(1), (from, fromName) => {
    emitter.withinReach(origin, step.to.slice(1), (to, toName) => {
      emitter.op('linkat', { a: from, s1: fromName, b: to, s2: toName, n: 0 }); // of a symlink: itself
    });
  });
}

export function renameNode(emitter: Emitter, step: ActionOf<'rename'>): void {
  const origin = emitter.origin(step.origin);
  emitter.withinReach(origin, step.from.slice(1), (from, fromName) => {
    emitter.withinReach(origin, step.to.slice(1), (to, toName) => {
      emitter.op('renameat2', { a: from, s1: fromName, b: to, s2: toName, n: RENAME.NOREPLACE });
    });
  });
}

export function deleteNode(emitter: Emitter, step: ActionOf<'delete'>, way: Way): void {
  way.lead(emitter.origin(step.origin), step.path.slice(1), deleteNodeAt, step);
}

function deleteNodeAt(emitter: Emitter, directory: number, name: string, step: ActionOf<'delete'>): void {
  emitter.op('unlinkat', { a: directory, s1: name, n: step.node === 'directory' ? AT.REMOVEDIR : 0 });
}

export function makeReadOnly(emitter: Emitter, step: ActionOf<'superblock-read-only'>): void {
  const context = emitter.temporary('superblock');
  emitter.op('fspick', {
    a: emitter.origin(step.origin),
    s1: '',
    n: FSPICK.CLOEXEC | FSPICK.EMPTY_PATH,
    out: context,
  });
  emitter.op('fsconfig', { a: context, n: FSCONFIG.SET_FLAG, s1: 'ro' });
  emitter.op('fsconfig', { a: context, n: FSCONFIG.CMD_RECONFIGURE });
  emitter.close(context);
}
