/** Ops that put the finished tree where it goes. */
import { AT, CLONE, MNT, MOVE_MOUNT, MS, O, OPEN_TREE } from '../flags.ts';
import type { Group } from '../plan/groups/groups.ts';
import type { ActionOf } from '../plan/steps/steps.ts';
import { BY_FD, type Emitter } from './emitter.ts';
import { leaveHome } from './home.ts';
import { exportKey } from './slot-keys.ts';

/**
 * A new namespace in which nothing propagates; one move_mount onto its root; pivot_root(".", "."), which puts the old
 * root on top of the new one, from where it is detached (pivot_root(2), NOTES).
 */
export function becomeRoot(emitter: Emitter, root: number): void {
  leaveHome(emitter);
  emitter.op('mount', { s2: '/', f1: MS.REC | MS.PRIVATE });
  emitter.op('move_mount', { a: root, s1: '', s2: '/', n: MOVE_MOUNT.F_EMPTY_PATH });
  pivotTo(emitter, root);
}

/** The same for a tree that stands in the namespace already. */
export function pivotTo(emitter: Emitter, root: number): void {
  emitter.op('fchdir', { a: root });
  emitter.op('pivot_root', { s1: '.', s2: '.' });
}

/** Undone from the namespace that the program comes from. */
export function enterNamespace(emitter: Emitter): void {
  const entered = emitter.op('setns', { a: emitter.get('import:namespace'), f1: CLONE.NEWNS });
  if (emitter.has('home')) emitter.undo(entered, 'setns', { a: emitter.get('home'), f1: CLONE.NEWNS });
}

/**
 * In a namespace that exists: the same move and pivot, which also takes along every process whose root or working
 * directory is the old root (pivot_root(2)). What is undone is undone last to first.
 */
export function replaceRoot(emitter: Emitter, root: number, leavesGroup: boolean): void {
  const old = emitter.get('import:destination');
  if (leavesGroup) leaveGroup(emitter, old);
  const moved = emitter.op('move_mount', { a: root, s1: '', b: old, s2: '', n: BY_FD });
  emitter.undo(moved, 'umount2', { s1: '.', f1: MNT.DETACH });
  emitter.undo(moved, 'fchdir', { a: root });
  pivotTo(emitter, root);
  const pivoted = emitter.opCount - 1;
  emitter.undo(pivoted, 'pivot_root', { s1: '.', s2: '.' });
  emitter.undo(pivoted, 'fchdir', { a: old });
  // It may have joined its group since, and pivot_root(2) takes no root off a shared one.
  emitter.undo(pivoted, 'mount_setattr', { a: root, s1: '', n: AT.EMPTY_PATH, f3: MS.PRIVATE });
}

/** A clone keeps the group alive, and gives it back. */
function leaveGroup(emitter: Emitter, old: number): void {
  const peer = emitter.temporary('peer of the old root');
  const flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.EMPTY_PATH;
  emitter.op('open_tree', { a: old, s1: '', n: flags, out: peer });
  const left = emitter.setattr(old, 0, 0, MS.PRIVATE);
  emitter.undo(left, 'move_mount', { a: peer, s1: '', b: old, s2: '', n: BY_FD | MOVE_MOUNT.SET_GROUP });
}

/** The old root lies on top of the new one, a yard on top of the old root, and "." leads to what lies on top. */
export function dropOldRoot(
  emitter: Emitter,
  { standing, replaced }: ActionOf<'drop-old-root'>,
  holders: readonly Group[],
): void {
  for (const group of holders) {
    const holder = emitter.group(group);
    const out = emitter.temporary(group.key);
    const flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.EMPTY_PATH;
    emitter.op('open_tree', { a: holder, s1: '', n: flags, out });
    emitter.close(holder);
    emitter.setGroup(group, out);
  }
  if (replaced) {
    // So that its unmounting reaches nobody else.
    const old = emitter.get('import:destination');
    emitter.op('mount_setattr', { a: old, s1: '', n: AT.EMPTY_PATH | AT.RECURSIVE, f3: MS.PRIVATE });
  }
  if (standing) emitter.op('umount2', { s1: '.', f1: MNT.DETACH });
  emitter.op('umount2', { s1: '.', f1: MNT.DETACH });
}

/** Clones a whole tree, detached, out of the namespace that it was built in; the clone is the mount from then on. */
export function lift(emitter: Emitter, step: ActionOf<'lift'>): void {
  const built = emitter.mount(step.mount);
  const out = emitter.get(exportKey('root', step.namespace));
  const flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.EMPTY_PATH | AT.RECURSIVE;
  emitter.op('open_tree', { a: built, s1: '', n: flags, out });
  emitter.close(built);
  emitter.setMount(step.mount, out);
  if (step.cover === undefined) return;
  emitter.close(emitter.mount(step.cover));
  const cover = emitter.temporary(`cover of mount ${step.mount}`);
  emitter.setMount(step.cover, cover);
  // Above a root is the root itself, and a path that ends there leads to what lies on top.
  emitter.op('openat2', { a: out, s1: '..', f1: O.PATH | O.DIRECTORY | O.CLOEXEC, out: cover });
}

/** The new namespace and its table, through a procfs of the caller's: the tree's own may be anything. */
export function handBackNamespace(emitter: Emitter, tree: number): void {
  const proc = emitter.get('import:proc');
  const flags = O.CLOEXEC;
  emitter.op('openat2', {
    a: proc,
    s1: 'thread-self/ns/mnt',
    f1: flags,
    out: emitter.get(exportKey('namespace', tree)),
  });
  emitter.op('openat2', {
    a: proc,
    s1: 'thread-self/mountinfo',
    f1: flags,
    out: emitter.get(exportKey('mountinfo', tree)),
  });
}

const PRIVATE_DESTINATION = exportKey('destination', 0);

/** Binds the destination on itself and makes the bind private. */
export function makeDestinationPrivate(emitter: Emitter): void {
  const destination = emitter.get('import:destination');
  const own = emitter.get(PRIVATE_DESTINATION);
  emitter.op('open_tree', {
    a: destination,
    s1: '',
    n: OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.EMPTY_PATH | AT.RECURSIVE,
    out: own,
  });
  const bound = emitter.op('move_mount', { a: own, s1: '', b: destination, s2: '', n: BY_FD });
  // Undone last to first: into the bind, then away with it.
  emitter.undo(bound, 'umount2', { s1: '.', f1: MNT.DETACH });
  emitter.undo(bound, 'fchdir', { a: own });
  emitter.setattr(own, 0, 0, MS.PRIVATE);
}

export function attach(emitter: Emitter, root: number): void {
  const onto = emitter.get(emitter.has(PRIVATE_DESTINATION) ? PRIVATE_DESTINATION : 'import:destination');
  emitter.op('move_mount', { a: root, s1: '', b: onto, s2: '', n: BY_FD });
}
