import { MountError, UsageError } from '../../errors.ts';
import { AT_FDCWD } from '../../flags.ts';
import { encodeBytes } from '../../model/bytes.ts';
import type { PathString } from '../../model/mount.ts';
import { errnoMeaning, errnoName } from './errno.ts';
import { type Fd, fdName, fdNumber, fdText, OwnedFd } from './fd.ts';
import { hintFor } from './hints.ts';

/** A path from the working directory, the file that an fd is, or a path below an fd. */
export type Place = PathString | Fd | { readonly at: Fd; readonly path: PathString };

/** Bits, or the names of bits without their prefix: `['NOSUID', 'NODEV']`. */
export type Flags<Name extends string> = number | readonly Name[];

/** A {@link Place} as a call takes it: a directory and a path, empty for the fd itself. */
export interface CallPlace {
  readonly dirfd: number;
  readonly bytes: Uint8Array;
  readonly empty: boolean;
  /** `AT_FDCWD`, `"/a"`, or `5</mnt>`, `""`; made only when an error is worded. */
  texts(): readonly [directory: string, path: string];
  /** What it stands for. */
  path(): string;
}

export function placeOf(place: Place): CallPlace {
  if (typeof place === 'string') return callPlace(undefined, place);
  if (typeof place === 'number' || place instanceof OwnedFd) return callPlace(place, '');
  return callPlace(place.at, place.path);
}

function callPlace(at: Fd | undefined, path: PathString): CallPlace {
  return {
    dirfd: at === undefined ? AT_FDCWD : fdNumber(at),
    bytes: callString(path),
    empty: at !== undefined && path === '',
    texts: () => [at === undefined ? 'AT_FDCWD' : fdText(at), quote(path)],
    path: () => (at === undefined || path.startsWith('/') ? path : below(fdName(at), path)),
  };
}

function below(directory: string, path: string): string {
  return path === '' ? directory : `${directory.replace(/\/$/, '')}/${path}`;
}

/** A string as bytes for a call. @throws {UsageError} when it holds a NUL, at which the kernel would cut it. */
export function callString(text: string): Uint8Array {
  checkString(text);
  return encodeBytes(text);
}

/** Strings as bytes for a call that takes many, each with its NUL. @throws {UsageError} when one holds a NUL itself. */
export function callStrings(texts: readonly string[]): Uint8Array {
  for (const text of texts) checkString(text);
  return encodeBytes(texts.map((text) => `${text}\0`).join(''));
}

function checkString(text: string): void {
  if (typeof text !== 'string') throw new UsageError(`${String(text)} is no path or name: give a string`);
  if (text.includes('\0')) throw new UsageError(`${quote(text)} holds a NUL character`);
}

export function nullableString(text: string | null | undefined): Uint8Array | null {
  return text === null || text === undefined ? null : callString(text);
}

/** A string as it is shown in a call; `NULL` for none. */
export function quote(text: string | null | undefined): string {
  return text === null || text === undefined ? 'NULL' : JSON.stringify(text);
}

/** The bits that names stand for. @throws {UsageError} for a name that the table lacks. */
export function bitsOf<Name extends string>(
  flags: Flags<Name> | undefined,
  table: { readonly [name in Name]: number },
): number {
  if (flags === undefined) return 0;
  if (typeof flags === 'number') return flags;
  if (!Array.isArray(flags)) {
    throw new UsageError(`flags are a number or a list of names: ${Object.keys(table).join(', ')}`);
  }
  let bits = 0;
  for (const name of flags as readonly Name[]) {
    if (!Object.hasOwn(table, name)) {
      throw new UsageError(
        `there is no flag ${quote(name)} here; there are ${Object.keys(table).join(', ')}`,
      );
    }
    bits |= table[name];
  }
  return bits >>> 0;
}

/** A call as made, in words; worked out only when it was refused. */
export interface MadeCall {
  readonly syscall: string;
  readonly arguments: readonly string[];
  readonly path?: string | undefined;
  readonly dest?: string | undefined;
  readonly kernelLog?: readonly string[];
  /** A better word than the table's. */
  readonly hint?: string | undefined;
}

/** What a convenience was asked for, in front of its messages: `bind("/a", "/b")`. */
export type Asked = string | undefined;

/** The error for a call that answered `-errno`. */
export function refusal(answer: number, call: MadeCall, asked?: Asked): MountError {
  const code = errnoName(-answer);
  return new MountError({
    code,
    errno: -answer,
    meaning: errnoMeaning(-answer),
    syscall: call.syscall,
    call: `${call.syscall}(${call.arguments.join(', ')})`,
    subject: asked,
    path: call.path,
    dest: call.dest,
    kernelLog: call.kernelLog,
    hint: call.hint ?? hintFor(call.syscall, code),
  });
}

/** The value of a call. @throws {MountError} for `-errno`. */
export function checked(answer: number, call: () => MadeCall, asked?: Asked): number {
  if (answer < 0) throw refusal(answer, call(), asked);
  return answer;
}

/** The fd that a call gave, owned. @throws {MountError} for `-errno`. */
export function opened(answer: number, name: string, call: () => MadeCall, asked?: Asked): OwnedFd {
  return new OwnedFd(checked(answer, call, asked), name);
}
