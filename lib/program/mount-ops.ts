/** Ops that get mounts out of origins, place them and set their sharing. */

import { AT, MOUNT_ATTR, MOUNT_ATTR_ALL, MOUNT_ATTR_ATIME, MOVE_MOUNT, MS, OPEN_TREE } from '../flags.ts';
import { takesNodes } from '../plan/filesystems.ts';
import type { Group } from '../plan/groups/groups.ts';
import type { ActionOf, Origin } from '../plan/steps/steps.ts';
import type { AttributeBits } from './builder.ts';
import { BY_FD, type Emitter } from './emitter.ts';
import { hasLongSource } from './origin-ops.ts';
import { idmapKey } from './slot-keys.ts';
import type { Parking } from './yard.ts';

const CLONE_FD = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.EMPTY_PATH;
const CLONE_BY_NAME = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.SYMLINK_NOFOLLOW;

/** A clone is never seen without its attributes: until it is placed nobody can reach it. */
function cloneWith(
  emitter: Emitter,
  directory: number,
  path: string,
  flags: number,
  out: number,
  change: AttributeBits | undefined,
): void {
  if (change && emitter.hasOpenTreeAttr) {
    emitter.openTreeAttr(directory, path, flags, out, change);
    return;
  }
  emitter.openTree(directory, path, flags, out);
  if (change) emitter.setattr(out, change.set, change.clear, change.propagation);
}

/**
 * A clone of a shared mount is its peer until it is made private.
 *
 * @param taker what the clone is to be at once.
 */
export function cloneSource(
  emitter: Emitter,
  step: ActionOf<'clone-source'>,
  taker: ActionOf<'clone'> | undefined,
): void {
  const out = emitter.slotOfOrigin(step.origin, `clone of ${step.source}`);
  const { set, clear, propagation } = taker ? changeOf(taker) : NO_CHANGE;
  const change = { set, clear, propagation: propagation || MS.PRIVATE };
  const directory = emitter.source({ of: step.of, path: step.source });
  if (step.recursive) {
    // What comes along becomes private and stays as it is otherwise.
    emitter.openTree(directory, '', CLONE_FD | AT.RECURSIVE, out);
    emitter.op('mount_setattr', { a: out, s1: '', n: AT.EMPTY_PATH | AT.RECURSIVE, f3: MS.PRIVATE });
    if (taker) emitter.setattr(out, set, clear, propagation);
  } else if (step.clearsIdmap) {
    emitter.openTreeAttr(directory, '', CLONE_FD, out, { ...change, clear: clear | MOUNT_ATTR.IDMAP });
  } else cloneWith(emitter, directory, '', CLONE_FD, out, change);
}

/** By mount(2) on the working directory, which works inside a detached tree, where mount_setattr(2) does not. */
export function shareMount(emitter: Emitter, step: ActionOf<'share'>): void {
  const top = emitter.mount(step.mount);
  const directory = step.path === '' ? top : emitter.crossing(top, step.path);
  emitter.op('fchdir', { a: directory });
  emitter.op('mount', { s2: '.', f1: MS.SHARED });
  if (directory === top) return;
  emitter.op('fchdir', { a: top }); // a root is unmounted from by "."
  emitter.close(directory);
}

export function cloneMount(emitter: Emitter, step: ActionOf<'clone'>, origin: Origin, name: string): void {
  const from = emitter.origin(step.origin);
  const change = needsChange(step, origin) || step.idmap ? changeOf(step) : undefined;
  if (step.take) {
    emitter.setMount(step.mount, from);
    if (change) emitter.setattr(from, change.set, change.clear, change.propagation);
    return;
  }
  const out = emitter.slotOfMount(step.mount, name);
  cloneOut(emitter, from, step.path, origin, out, step.idmap ? undefined : change);
  if (!step.idmap || !change) return;
  const userns = emitter.get(idmapKey(step.mount));
  emitter.setattr(out, change.set | MOUNT_ATTR.IDMAP, change.clear, change.propagation, userns);
}

/**
 * What fsmount(2) gives the mount of a new filesystem that is to be a mount of the tree; nothing where it cannot give
 * all: nodes are still made in the filesystem, and propagation is not its to set.
 */
export function attributesOfNew({ attributes, unbindable }: ActionOf<'clone'>): number | undefined {
  return unbindable || attributes & MOUNT_ATTR.RDONLY ? undefined : attributes;
}

/** Whether the origin that a mount takes was made with all that the mount is to have. */
export function isMadeWhole(step: ActionOf<'clone'>, origin: Origin): boolean {
  return origin.kind === 'host' || (!hasLongSource(origin) && attributesOfNew(step) !== undefined);
}

const NO_CHANGE: AttributeBits = { set: 0, clear: 0, propagation: 0 };

/** Whether a clone is not yet what it is to be: of a host's mount it has the attributes of that. */
function needsChange(step: OfAttributes, origin: Origin): boolean {
  return step.attributes !== 0 || step.unbindable === true || origin.kind === 'host';
}

interface OfAttributes {
  readonly attributes: number;
  readonly unbindable?: boolean;
}

function changeOf({ attributes, unbindable = false }: OfAttributes): AttributeBits {
  return attributesAnd(attributes, unbindable ? MS.UNBINDABLE : 0);
}

function attributesAnd(attributes: number, propagation: number): AttributeBits {
  return { set: attributes, clear: (MOUNT_ATTR_ALL & ~attributes) | MOUNT_ATTR_ATIME, propagation };
}

function cloneOut(
  emitter: Emitter,
  from: number,
  path: string,
  origin: Origin,
  out: number,
  change: AttributeBits | undefined,
): void {
  if (path === '/') {
    cloneWith(emitter, from, '', CLONE_FD, out, change);
  } else if (origin.kind === 'filesystem' && takesNodes(origin.type)) {
    const reach = emitter.approach(from, path.slice(1));
    cloneWith(emitter, reach.directory, reach.path, CLONE_BY_NAME, out, change);
    emitter.retreat(from, reach);
  } else {
    emitter.withResolved(from, path.slice(1), path, (directory) => {
      cloneWith(emitter, directory, '', CLONE_FD, out, change);
    });
  }
}

export function cloneImage(emitter: Emitter, step: ActionOf<'clone-image'>, name: string): void {
  const out = emitter.slotOfMount(step.mount, name);
  emitter.openTree(emitter.mount(step.of), '', CLONE_FD | AT.RECURSIVE, out);
}

export function placeMount(emitter: Emitter, step: ActionOf<'place'>, mountPoint: string): void {
  const mount = emitter.mount(step.mount);
  const parent = emitter.mount(step.parent);
  if (step.path === '') {
    emitter.moveMount(mount, parent, '', BY_FD);
  } else if (step.ownNodes) {
    const reach = emitter.approach(parent, step.path);
    emitter.moveMount(mount, reach.directory, reach.path, MOVE_MOUNT.F_EMPTY_PATH);
    emitter.retreat(parent, reach);
  } else {
    emitter.withResolved(parent, step.path, mountPoint, (slot) => {
      emitter.moveMount(mount, slot, '', BY_FD);
    });
  }
}

const BEFORE = { private: MS.PRIVATE, slave: MS.SLAVE, unbindable: MS.UNBINDABLE } as const;

export function shareSource(emitter: Emitter, step: ActionOf<'share-source'>): void {
  const source = emitter.source({ of: 'mount', path: step.source });
  const shared = emitter.setattr(source, 0, 0, MS.SHARED);
  emitter.undo(shared, 'mount_setattr', { a: source, s1: '', n: AT.EMPTY_PATH, f3: BEFORE[step.before] });
}

/** A group that starts, and the one that it has its master from. */
export interface Starting {
  readonly group: Group;
  readonly master: Group | undefined;
}

/** A group starts with a holder. */
export function makeGroup(
  emitter: Emitter,
  step: ActionOf<'make-group'>,
  { group, master }: Starting,
  parking: Parking,
): void {
  const out = emitter.temporary(group.key);
  emitter.setGroup(group, out);
  const { from } = step;
  const directory = from ? slotOf(emitter, from) : emitter.group(master as Group);
  const propagation = firstPropagation(step, !from || 'mountOf' in from);
  const change = propagation === 0 ? undefined : { ...NO_CHANGE, propagation };
  cloneWith(emitter, directory, '', CLONE_FD, out, change);
  finishFirst(emitter, step, master, out, propagation, parking);
}

/** Either step that starts a group. */
type Start = ActionOf<'make-group' | 'start-group'>;

/** With what a group's first mount is made: a clone of its master's, or of the host's, is a peer of that. */
function firstPropagation({ master, shared }: Start, isPeerOfMaster: boolean): number {
  if (isPeerOfMaster) return MS.SLAVE;
  return shared && master === undefined ? MS.SHARED : 0;
}

/** Private, then slave of its master's, then shared, as its group is. */
function finishFirst(
  emitter: Emitter,
  { shared, node }: Start,
  master: Group | undefined,
  out: number,
  propagation: number,
  parking: Parking,
): void {
  parking.park(out, node);
  if (propagation === 0 && master) setGroup(emitter, emitter.group(master), out);
  if (shared && propagation !== MS.SHARED) emitter.setattr(out, 0, 0, MS.SHARED);
}

function slotOf(emitter: Emitter, from: NonNullable<ActionOf<'make-group'>['from']>): number {
  return 'mountOf' in from
    ? emitter.source({ of: from.of, path: from.mountOf })
    : emitter.origin(from.origin);
}

/** A group starts with a mount of the tree, which has its attributes as soon as its sharing. */
export function startGroup(
  emitter: Emitter,
  step: ActionOf<'start-group'>,
  { group, master }: Starting,
  origin: Origin | undefined,
  name: string,
  parking: Parking,
): void {
  const { from } = step;
  const out = from?.take ? emitter.origin(from.origin) : emitter.slotOfMount(step.mount, name);
  emitter.setGroup(group, out);
  const propagation = firstPropagation(step, !from);
  const isAsItIs = origin && !needsChange(step, origin);
  const change = isAsItIs ? { ...NO_CHANGE, propagation } : attributesAnd(step.attributes, propagation);
  if (from?.take) {
    emitter.setMount(step.mount, out);
    emitter.setattr(out, change.set, change.clear, change.propagation);
  } else {
    const directory = from ? emitter.origin(from.origin) : emitter.group(master as Group);
    cloneWith(emitter, directory, '', CLONE_FD, out, change);
  }
  finishFirst(emitter, step, master, out, propagation, parking);
}

/** A clone of a mount has its sharing. */
export function cloneMember(
  emitter: Emitter,
  step: ActionOf<'clone-member'>,
  group: Group,
  name: string,
): void {
  const { attributes } = step;
  const change = attributes === undefined ? undefined : changeOf({ attributes });
  cloneWith(emitter, emitter.group(group), '', CLONE_FD, emitter.slotOfMount(step.mount, name), change);
}

export function joinGroup(emitter: Emitter, step: ActionOf<'set-group'>, group: Group): void {
  setGroup(emitter, emitter.group(group), emitter.mount(step.mount));
}

function setGroup(emitter: Emitter, from: number, to: number): void {
  emitter.moveMount(from, to, '', BY_FD | MOVE_MOUNT.SET_GROUP);
}
