/** Ops that get mounts out of origins, place them and set their sharing. */
import { AT, MOUNT_ATTR, MOUNT_ATTR_ALL, MOUNT_ATTR_ATIME, MOVE_MOUNT, MS, OPEN_TREE } from '../flags.ts';
import { takesNodes } from '../plan/filesystems.ts';
import type { ActionOf, Origin } from '../plan/steps.ts';
import { BY_FD, type Emitter } from './emitter.ts';
import type { Parking } from './yard.ts';

const CLONE_FD = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.EMPTY_PATH;
const CLONE_BY_NAME = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.SYMLINK_NOFOLLOW;

/** A clone of a shared mount is its peer until it is made private. */
export function cloneSource(emitter: Emitter, step: ActionOf<'clone-source'>): void {
  const out = emitter.slotOfOrigin(step.origin, `clone of ${step.source}`);
  const clone = { a: emitter.get(`import:${step.of}:${step.source}`), s1: '', n: CLONE_FD, out };
  if (step.clearsIdmap) {
    emitter.op('open_tree_attr', { ...clone, f2: MOUNT_ATTR.IDMAP, f3: MS.PRIVATE });
    return;
  }
  emitter.op('open_tree', clone);
  emitter.setattr(out, 0, 0, MS.PRIVATE);
}

export function cloneMount(emitter: Emitter, step: ActionOf<'clone'>, origin: Origin, name: string): void {
  const from = emitter.origin(step.origin);
  if (step.take) emitter.setMount(step.mount, from);
  else cloneOut(emitter, from, step.path, origin, emitter.slotOfMount(step.mount, name));

  const inherits = origin.kind === 'host';
  if (step.attributes === 0 && !inherits && !step.unbindable && !step.idmap) return;
  const set = step.attributes | (step.idmap ? MOUNT_ATTR.IDMAP : 0);
  const clear = (MOUNT_ATTR_ALL & ~set) | MOUNT_ATTR_ATIME;
  const userns = step.idmap ? emitter.get(`import:idmap:${step.mount}`) : undefined;
  emitter.setattr(emitter.mount(step.mount), set, clear, step.unbindable ? MS.UNBINDABLE : 0, userns);
}

function cloneOut(emitter: Emitter, from: number, path: string, origin: Origin, out: number): void {
  if (path === '/') {
    emitter.openTree(from, '', CLONE_FD, out);
  } else if (origin.kind === 'filesystem' && takesNodes(origin.type)) {
    emitter.withinReach(from, path.slice(1), (directory, rest) => {
      emitter.openTree(directory, rest, CLONE_BY_NAME, out);
    });
  } else {
    emitter.withResolved(from, path.slice(1), path, (slot) => {
      emitter.openTree(slot, '', CLONE_FD, out);
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
    emitter.withinReach(parent, step.path, (directory, rest) => {
      emitter.moveMount(mount, directory, rest, MOVE_MOUNT.F_EMPTY_PATH);
    });
  } else {
    emitter.withResolved(parent, step.path, mountPoint, (slot) => {
      emitter.moveMount(mount, slot, '', BY_FD);
    });
  }
}

const BEFORE = { private: MS.PRIVATE, slave: MS.SLAVE, unbindable: MS.UNBINDABLE } as const;

export function shareSource(emitter: Emitter, step: ActionOf<'share-source'>): void {
  const source = emitter.get(`import:mount:${step.source}`);
  const shared = emitter.setattr(source, 0, 0, MS.SHARED);
  emitter.undo(shared, 'mount_setattr', { a: source, s1: '', n: AT.EMPTY_PATH, f3: BEFORE[step.before] });
}

/** A holder: private, then slave of its master's holder, then shared, as its group is. */
export function makeGroup(emitter: Emitter, step: ActionOf<'make-group'>, parking: Parking): void {
  const out = emitter.slot(`group:${step.group}`, step.group);
  if ('mountOf' in step.from) {
    emitter.op('open_tree', {
      a: emitter.get(`import:${step.from.of}:${step.from.mountOf}`),
      s1: '',
      n: CLONE_FD,
      out,
    });
    emitter.setattr(out, 0, 0, MS.SLAVE);
  } else {
    emitter.op('open_tree', { a: emitter.origin(step.from.origin), s1: '', n: CLONE_FD, out });
  }
  parking.park(out, step.node);
  if (step.master !== undefined) {
    setGroup(emitter, emitter.get(`group:${step.master}`), out);
    if (step.master.startsWith('peers:')) emitter.setattr(out, 0, 0, MS.SLAVE);
  }
  if (step.shared) emitter.setattr(out, 0, 0, MS.SHARED);
}

export function joinGroup(emitter: Emitter, step: ActionOf<'set-group'>): void {
  setGroup(emitter, emitter.get(`group:${step.group}`), emitter.mount(step.mount));
}

function setGroup(emitter: Emitter, from: number, to: number): void {
  emitter.moveMount(from, to, '', BY_FD | MOVE_MOUNT.SET_GROUP);
}
