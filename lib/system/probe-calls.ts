import {
  AT,
  FSCONFIG,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR,
  MOVE_MOUNT,
  MS,
  O,
  OPEN_TREE,
} from '../flags.ts';
import type { CapabilityName } from '../model/facts.ts';
import type { ProgramBuilder } from '../program/builder.ts';
import { errnoName } from './errno.ts';
import { native, type RunPlace } from './native.ts';
import { runSmallRaw, smallProgram } from './small-program.ts';

/** Not there, or kept from this user; `fork` and `thread` failures come out as they are. */
const REFUSALS = new Set(['ENOSYS', 'EPERM', 'EACCES']);

type Trial = (program: ProgramBuilder) => void;

/** Slot 0: a detached tmpfs. Slot 1: a clone of it. Slot 2: the context. */
function detachedPair(program: ProgramBuilder): void {
  program.op('fsopen', { s1: 'tmpfs', n: FSOPEN_CLOEXEC, out: 2 });
  program.op('fsconfig', { a: 2, n: FSCONFIG.CMD_CREATE });
  program.op('fsmount', { a: 2, n: FSMOUNT_CLOEXEC, out: 0 });
  const flags = (OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.EMPTY_PATH) >>> 0;
  program.op('open_tree', { a: 0, s1: '', n: flags, out: 1 });
}

/**
 * Calls that are refused for their arguments once they are permitted: an empty path without the flag for it is
 * ENOENT, after the checks of privilege and of unknown flags.
 */
const HARMLESS: { readonly [name in CapabilityName]?: Trial } = {
  open_tree: (program) => program.op('open_tree', { s1: '', n: OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC, out: 0 }),
  move_mount: (program) => program.op('move_mount', { s1: '', s2: '', n: 0 }),
  fsopen: (program) => program.op('fsopen', { s1: 'tmpfs', n: FSOPEN_CLOEXEC, out: 0 }),
  mount_setattr: (program) => program.op('mount_setattr', { s1: '', n: 0, f1: MOUNT_ATTR.RDONLY }),
  open_tree_attr: (program) =>
    program.op('open_tree_attr', {
      s1: '',
      n: OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC,
      f1: MOUNT_ATTR.RDONLY,
      out: 0,
    }),
  openat2: (program) => program.op('openat2', { s1: '/', f1: O.PATH | O.CLOEXEC, out: 0 }),
};

/** What must really work, on a tmpfs of its own that is never attached. */
const WHOLE: { readonly [name in CapabilityName]?: Trial } = {
  set_group: (program) => {
    detachedPair(program);
    program.op('mount_setattr', { a: 0, s1: '', n: AT.EMPTY_PATH, f3: MS.SHARED });
    const flags = MOVE_MOUNT.SET_GROUP | MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_EMPTY_PATH;
    program.op('move_mount', { a: 0, s1: '', b: 1, s2: '', n: flags });
  },
  detached_trees: (program) => {
    detachedPair(program);
    program.op('mkdirat', { a: 0, s1: 'd', f1: 0o755 });
    program.op('move_mount', { a: 1, s1: '', b: 0, s2: 'd', n: MOVE_MOUNT.F_EMPTY_PATH });
  },
  // Unknown flags are EINVAL before the path is looked at.
  beneath: (program) => program.op('move_mount', { s1: '', s2: '', n: MOVE_MOUNT.BENEATH }),
};

/** `true`, or the errno name of the trial's answer. */
export type TrialAnswer = true | string;

/** Tries every call in `place`, where mounting is permitted or where at least the answer is this user's. */
export function tryCalls(place: RunPlace): { readonly [name in CapabilityName]: TrialAnswer } {
  return {
    open_tree: harmless('open_tree', place),
    move_mount: harmless('move_mount', place),
    set_group: whole('set_group', place),
    beneath: beneath(place),
    detached_trees: whole('detached_trees', place),
    fsopen: harmless('fsopen', place),
    mount_setattr: harmless('mount_setattr', place),
    open_tree_attr: harmless('open_tree_attr', place),
    openat2: harmless('openat2', place),
    statmount: unlessRefused(native.sys.statmount(0n, 0n, 0n)),
    listmount: unlessRefused(native.sys.listmount(-1n, 0n, 0)),
  };
}

/** The kernel asks for the privilege before it looks at the (empty) path, or the type. */
const PRIVILEGED: readonly CapabilityName[] = ['open_tree', 'fsopen', 'move_mount', 'mount_setattr'];

/** Whether the calling thread may mount: one call that is permitted shows it, because a sandbox may hide another. */
export function mayMount(): boolean {
  return PRIVILEGED.some((name) => harmless(name, { kind: 'thread' }) === true);
}

function harmless(name: CapabilityName, place: RunPlace): TrialAnswer {
  return unlessRefused(-run(HARMLESS[name], place));
}

function beneath(place: RunPlace): TrialAnswer {
  const errno = run(WHOLE.beneath, place);
  return errnoName(errno) === 'EINVAL' ? 'EINVAL' : unlessRefused(-errno);
}

function whole(name: CapabilityName, place: RunPlace): TrialAnswer {
  const errno = run(WHOLE[name], place);
  return errno === 0 ? true : errnoName(errno);
}

function run(trial: Trial | undefined, place: RunPlace): number {
  const small = smallProgram({ others: ['mount', 'clone', 'context'] }, trial ?? (() => {}));
  return runSmallRaw(small, [], place).errno;
}

function unlessRefused(answer: number | object): TrialAnswer {
  if (typeof answer !== 'number' || answer >= 0) return true;
  const name = errnoName(-answer);
  return REFUSALS.has(name) ? name : true;
}
