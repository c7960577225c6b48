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
} from '../../flags.ts';
import type { CapabilityName } from '../../model/facts.ts';
import type { ProgramBuilder } from '../../program/builder.ts';
import { errnoName } from './errno.ts';
import { native, type RunPlace, type RunResult } from './native.ts';
import { runTrial, smallProgram } from './small-program.ts';

/** Not there, or kept from this user; `fork` and `thread` failures come out as they are. */
const REFUSALS = new Set(['ENOSYS', 'EPERM', 'EACCES']);
const ENOENT = 2;

type Trial = (program: ProgramBuilder) => void;

/**
 * Calls that are refused for their arguments once they are permitted: an empty path without the flag for it is
 * ENOENT, after the checks of privilege and of unknown flags. Each is one op.
 */
const HARMLESS = {
  open_tree: (program) =>
    program.op('open_tree', { s1: '', n: OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC, out: 0, tolerate: ENOENT }),
  move_mount: (program) => program.op('move_mount', { s1: '', s2: '', n: 0, tolerate: ENOENT }),
  beneath: (program) => program.op('move_mount', { s1: '', s2: '', n: MOVE_MOUNT.BENEATH, tolerate: ENOENT }),
  fsopen: (program) => program.op('fsopen', { s1: 'tmpfs', n: FSOPEN_CLOEXEC, out: 0 }),
  mount_setattr: (program) =>
    program.op('mount_setattr', { s1: '', n: 0, f1: MOUNT_ATTR.RDONLY, tolerate: ENOENT }),
  open_tree_attr: (program) =>
    program.op('open_tree_attr', {
      s1: '',
      n: OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC,
      f1: MOUNT_ATTR.RDONLY,
      out: 0,
      tolerate: ENOENT,
    }),
  openat2: (program) => program.op('openat2', { s1: '/', f1: O.PATH | O.CLOEXEC, out: 0 }),
} satisfies { readonly [name in CapabilityName]?: Trial };
type Harmless = keyof typeof HARMLESS;
const HARMLESS_NAMES = Object.keys(HARMLESS) as Harmless[];

/** Slot 0: a detached tmpfs. Slot 1: a clone of it. Slot 2: the context. */
function detachedPair(program: ProgramBuilder): void {
  program.op('fsopen', { s1: 'tmpfs', n: FSOPEN_CLOEXEC, out: 2 });
  program.op('fsconfig', { a: 2, n: FSCONFIG.CMD_CREATE });
  program.op('fsmount', { a: 2, n: FSMOUNT_CLOEXEC, out: 0 });
  const flags = (OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.EMPTY_PATH) >>> 0;
  program.op('open_tree', { a: 0, s1: '', n: flags, out: 1 });
}

/** What must really work, on a tmpfs of its own that is never attached; and the calls that it takes, in their order. */
const WHOLE = {
  set_group: {
    calls: ['fsopen', 'open_tree', 'mount_setattr', 'move_mount'],
    trial: (program) => {
      detachedPair(program);
      program.op('mount_setattr', { a: 0, s1: '', n: AT.EMPTY_PATH, f3: MS.SHARED });
      const flags = MOVE_MOUNT.SET_GROUP | MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_EMPTY_PATH;
      program.op('move_mount', { a: 0, s1: '', b: 1, s2: '', n: flags });
    },
  },
  detached_trees: {
    calls: ['fsopen', 'open_tree', 'move_mount'],
    trial: (program) => {
      detachedPair(program);
      program.op('mkdirat', { a: 0, s1: 'd', f1: 0o755 });
      program.op('move_mount', { a: 1, s1: '', b: 0, s2: 'd', n: MOVE_MOUNT.F_EMPTY_PATH });
    },
  },
} satisfies {
  readonly [name in CapabilityName]?: { readonly calls: readonly Harmless[]; readonly trial: Trial };
};

/**
 * What was seen to work: the kernel stays the same while a process lives. Whether this user may do it is asked each
 * time, of the calls that it takes. To let go of detached mounts, which a trial ends with, takes as long as all else.
 */
const seenToWork = new Set<keyof typeof WHOLE>();

/** `true`, or the errno name of the trial's answer. */
export type TrialAnswer = true | string;
export type CallAnswers = { readonly [name in CapabilityName]: TrialAnswer };

/**
 * Tries every call in `place`, where mounting is permitted or where at least the answer is this user's.
 * @throws {MountError} where one could not be tried.
 */
export function tryCalls(place: RunPlace): CallAnswers {
  const harmless = tryHarmless(place);
  return {
    open_tree: harmless.open_tree,
    move_mount: harmless.move_mount,
    set_group: whole('set_group', harmless, place),
    beneath: harmless.beneath,
    detached_trees: whole('detached_trees', harmless, place),
    fsopen: harmless.fsopen,
    mount_setattr: harmless.mount_setattr,
    open_tree_attr: harmless.open_tree_attr,
    openat2: harmless.openat2,
    ...tryQueries(),
  };
}

/** The kernel asks for the privilege before it looks at the (empty) path, or the type. */
const PRIVILEGED: readonly Harmless[] = ['open_tree', 'fsopen', 'move_mount', 'mount_setattr'];

/** Whether calls that were answered so may mount: one that is permitted shows it, a sandbox may hide another. */
export function mayMount(calls: CallAnswers): boolean {
  return PRIVILEGED.some((name) => calls[name] === true);
}

type HarmlessAnswers = { readonly [name in Harmless]: TrialAnswer };

/** As many as are answered as they should be are tried in one run; it ends with the first that is not. */
function tryHarmless(place: RunPlace): HarmlessAnswers {
  const answers: [Harmless, TrialAnswer][] = [];
  for (let left = HARMLESS_NAMES; left.length > 0; left = HARMLESS_NAMES.slice(answers.length)) {
    const { status, op, errno } = run(
      left.map((name) => HARMLESS[name]),
      place,
    );
    const passed = status === 'done' ? left : left.slice(0, Math.max(op, 0));
    for (const name of passed) answers.push([name, true]);
    const refused = left[passed.length];
    if (refused) answers.push([refused, harmlessAnswer(refused, errno)]);
  }
  return Object.fromEntries(answers) as HarmlessAnswers;
}

function harmlessAnswer(name: Harmless, errno: number): TrialAnswer {
  // An unknown flag is EINVAL before the path is looked at.
  return name === 'beneath' && errnoName(errno) === 'EINVAL' ? 'EINVAL' : unlessRefused(-errno);
}

function whole(name: keyof typeof WHOLE, answers: HarmlessAnswers, place: RunPlace): TrialAnswer {
  const { calls, trial } = WHOLE[name];
  const refused = calls.find((call) => answers[call] !== true);
  if (refused) return answers[refused];
  if (seenToWork.has(name)) return true;
  const { errno } = run([trial], place);
  if (errno !== 0) return errnoName(errno);
  seenToWork.add(name);
  return true;
}

function run(trials: readonly Trial[], place: RunPlace): RunResult {
  const small = smallProgram({ others: ['mount', 'clone', 'context'] }, (program) => {
    for (const trial of trials) trial(program);
  });
  return runTrial(small, 'a trial of what the kernel can do', place);
}

function tryQueries() {
  return {
    statmount: unlessRefused(native.sys.statmount(0n, 0n, 0n)),
    listmount: unlessRefused(native.sys.listmount(-1n, 0n, 0)),
  };
}

/** The first of the calls that tell of mounts which is not there, and how it is answered. */
export function missingQuery(): string | undefined {
  const [missing] = Object.entries(tryQueries()).filter(([, answer]) => answer !== true);
  return missing && `${missing[0]} is answered by ${missing[1]}`;
}

function unlessRefused(answer: number | object): TrialAnswer {
  if (typeof answer !== 'number' || answer >= 0) return true;
  const name = errnoName(-answer);
  return REFUSALS.has(name) ? name : true;
}
