/** The caller's mount namespace, which a program may leave and come back to. */
import { CLONE, O } from '../flags.ts';
import type { Emitter } from './emitter.ts';

/** Opens it so that it can be come back to. */
export function keepHome(emitter: Emitter): void {
  emitter.name('home', holdNamespace(emitter, 'caller namespace'));
}

/** Holds the namespace that the program is in, through a procfs of the caller's. */
export function holdNamespace(emitter: Emitter, name: string): number {
  const out = emitter.temporary(name);
  emitter.op('openat2', { a: emitter.get('import:proc'), s1: 'thread-self/ns/mnt', f1: O.CLOEXEC, out });
  return out;
}

/**
 * Leaves for a new namespace, and in it for its own root: a caller that lives in a chroot would change, and cover, only
 * what is below that, and leave the rest of the host in the namespace. What is undone on the host is undone from there,
 * if it was kept.
 */
export function leaveHome(emitter: Emitter): void {
  const left = emitter.op('unshare', { f1: CLONE.NEWNS });
  if (emitter.has('home')) emitter.undo(left, 'setns', { a: emitter.get('home'), f1: CLONE.NEWNS });
  const own = holdNamespace(emitter, 'new namespace');
  emitter.op('setns', { a: own, f1: CLONE.NEWNS });
  emitter.close(own);
}

/** Its root is that of the namespace then, and all that is still done is done by fd. */
export function goHome(emitter: Emitter): void {
  emitter.op('setns', { a: emitter.get('home'), f1: CLONE.NEWNS });
}
