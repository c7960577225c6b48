/**
 * Every error that mountyard throws on purpose. `code` is for programs to switch on, `message` for people: which
 * mount, what was tried, what was answered, what to do.
 */
export abstract class MountyardError extends Error {
  abstract readonly code: string;
  override get name(): string {
    return this.constructor.name;
  }
}

/** The input is not what its format allows: where, and why. */
export class ParseError extends MountyardError {
  readonly code = 'ERR_MOUNTYARD_PARSE';
  constructor(
    /** What is wrong, without the place. */
    readonly reason: string,
    /** 1-based line and byte column, where the format has lines. */
    readonly line?: number,
    readonly column?: number,
  ) {
    const place =
      line === undefined ? '' : `line ${line}${column === undefined ? '' : `, column ${column}`}: `;
    super(place + reason);
  }
}

/** A tree that no mount namespace can hold; `problems` has them all. */
export class MalformedTreeError extends MountyardError {
  readonly code = 'ERR_MOUNTYARD_MALFORMED_TREE';
  constructor(readonly problems: readonly { readonly reason: string }[]) {
    super(
      problems.length === 1
        ? (problems[0]?.reason ?? '')
        : `the tree has ${problems.length} problems:\n${problems.map((p) => `  - ${p.reason}`).join('\n')}`,
    );
  }
}

/** Options that contradict each other or name what is not there. */
export class UsageError extends MountyardError {
  readonly code = 'ERR_MOUNTYARD_USAGE';
}

/** What is known of a call that the kernel refused; `call` is the call as made. */
export interface MountErrorDetails {
  /** The errno's name: `EPERM`. */
  readonly code: string;
  /** The errno's number, positive. */
  readonly errno: number;
  /** What the errno means in words. */
  readonly meaning?: string | undefined;
  /** The call's name in `man 2`; or what could not be set up: `thread`, `fork`, `uid_map`. */
  readonly syscall: string;
  /** `move_mount(5<tmpfs>, "", AT_FDCWD, "/b", MOVE_MOUNT_F_EMPTY_PATH)`. */
  readonly call: string;
  /** What was asked for, in front of the message: `bind("/a", "/b")`, `mount 31 at /dev/pts`. */
  readonly subject?: string | undefined;
  readonly path?: string | undefined;
  readonly dest?: string | undefined;
  /** Id of the mount, in the tree that is restored. */
  readonly mount?: number | undefined;
  /** Index of the step in the plan, and its reason. */
  readonly step?: number | undefined;
  readonly reason?: string | undefined;
  readonly kernelLog?: readonly string[] | undefined;
  /** What to do next. */
  readonly hint?: string | undefined;
}

/** A call that the kernel refused. Nothing that it was part of is left behind, unless an {@link UndoError} says so. */
export class MountError extends MountyardError {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly call: string;
  readonly path?: string | undefined;
  readonly dest?: string | undefined;
  readonly mount?: number | undefined;
  readonly step?: number | undefined;
  readonly kernelLog: readonly string[];
  readonly hint?: string | undefined;

  constructor(details: MountErrorDetails) {
    super(mountErrorMessage(details));
    this.code = details.code;
    this.errno = details.errno;
    this.syscall = details.syscall;
    this.call = details.call;
    this.path = details.path;
    this.dest = details.dest;
    this.mount = details.mount;
    this.step = details.step;
    this.kernelLog = details.kernelLog ?? [];
    this.hint = details.hint;
  }
}

function mountErrorMessage(details: MountErrorDetails): string {
  const subject = details.subject === undefined ? '' : `${details.subject}: `;
  const reason = details.reason === undefined ? '' : `${details.reason}: `;
  const meaning = details.meaning === undefined ? '' : ` (${details.meaning})`;
  const log = (details.kernelLog ?? []).map((line) => `\n  kernel: ${line}`).join('');
  const hint = details.hint === undefined ? '' : `\n  ${details.hint}`;
  return `${subject}${reason}${details.call} = ${details.code}${meaning}${log}${hint}`;
}

/** The caller's AbortSignal fired; everything was taken back. `reason` is the signal's. */
export class CancelledError extends MountyardError {
  readonly code = 'ERR_MOUNTYARD_CANCELLED';
  constructor(readonly reason: unknown) {
    super('cancelled; everything was taken back', { cause: reason });
  }
}

/** Something failed (`cause`, which may be any error), and not all of it could be taken back: `left` says what remains. */
export class UndoError extends MountyardError {
  readonly code = 'ERR_MOUNTYARD_UNDO';
  constructor(
    override readonly cause: Error,
    readonly left: readonly string[],
  ) {
    super(
      `${cause.message}\nand what follows could not be taken back:\n${left.map((line) => `  - ${line}`).join('\n')}`,
    );
  }
}

/** The interpreter refused a program that mountyard compiled: a defect of mountyard, and nothing was run. */
export class ProgramError extends MountyardError {
  readonly code = 'ERR_MOUNTYARD_PROGRAM';
  constructor(
    readonly defect: string,
    readonly op: number,
  ) {
    super(`the program was refused before it ran: ${defect} at op ${op}; this is a defect of mountyard`);
  }
}

/** The mount table changed during each of many readings, so that none of them is of one moment. */
export class BusyTableError extends MountyardError {
  readonly code = 'ERR_MOUNTYARD_BUSY';
  constructor(readonly readings: number) {
    super(
      `the mount table changed during each of ${readings} readings: ` +
        'capture again when less is being mounted and unmounted',
    );
  }
}

/** The kernel counts more mounts in a namespace than it shows: a capture would not be of all of it. */
export class UnseenMountsError extends MountyardError {
  readonly code = 'ERR_MOUNTYARD_UNSEEN';
  constructor(
    readonly seen: number,
    readonly unseen: number,
    /** The call that would tell of them, and how it is answered, where that is why. */
    readonly missing?: string,
  ) {
    super(
      `the mount namespace has ${seen + unseen} mounts, and no reading shows ${unseen} of them: ` +
        (missing === undefined
          ? 'they are on directories that were moved out of what its root shows. Capture it with the privilege to ' +
            'enter it (CAP_SYS_ADMIN and CAP_SYS_CHROOT), which finds them, or move the directories back'
          : `a mount covers its root, or no path leads to them, and ${missing}. Allow the call, where a sandbox ` +
            '(seccomp) hides it; Linux has it since 6.8'),
    );
  }
}

/** What is mounted at /proc cannot be believed, or is not there. */
export class ProcfsError extends MountyardError {
  readonly code = 'ERR_MOUNTYARD_PROCFS';
}
