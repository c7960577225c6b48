import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** Linux errnos that Node's tables leave out. */
const UNNAMED_BY_NODE: readonly (readonly [string, number, string])[] = [
  ['ENOTBLK', 15, 'block device required'],
  ['EUCLEAN', 117, 'structure needs cleaning'],
  ['ENOMEDIUM', 123, 'no medium found'],
  ['ENOKEY', 126, 'required key not available'],
];

// Of two names for one number, the one that the manual pages use.
const NAME_OF_NUMBER = new Map<number, string>([
  ...Object.entries(constants.errno).map(([name, errno]) => [errno, name] as const),
  ...UNNAMED_BY_NODE.map(([name, errno]) => [errno, name] as const),
]);
NAME_OF_NUMBER.set(constants.errno.EAGAIN, 'EAGAIN');
NAME_OF_NUMBER.set(constants.errno.EOPNOTSUPP, 'EOPNOTSUPP');

/** The name of a positive errno; `errno 999` for one that has none. */
export function errnoName(errno: number): string {
  return NAME_OF_NUMBER.get(errno) ?? `errno ${errno}`;
}

/** What an errno means, in libuv's words. */
export function errnoMeaning(errno: number): string | undefined {
  return getSystemErrorMap().get(-errno)?.[1] ?? UNNAMED_BY_NODE.find(([, number]) => number === errno)?.[2];
}

/** The messages of a filesystem context without their level (`e `, `w `, `i `) and newline. */
export function kernelWords(log: readonly string[]): string[] {
  return log.map((line) => line.replace(/^[ewi] /, '').trimEnd());
}

const SHORTAGES: ReadonlySet<string> = new Set(['ENOMEM', 'EMFILE', 'ENFILE', 'EAGAIN', 'EINTR']);

/** What comes and goes: it says nothing of what the kernel can do, or the caller may. */
export function isShortage(code: string): boolean {
  return SHORTAGES.has(code);
}
