import {
  type ChildProcess,
  type SpawnOptions,
  type SpawnSyncOptions,
  type SpawnSyncReturns,
  type StdioOptions,
  spawnSync,
} from 'node:child_process';
import { UsageError } from '../../errors.ts';
import { enterPath } from '../calls/addon.ts';
import type { OwnedFd } from '../calls/fd.ts';
import { OTHER_KINDS, type OtherNamespaces } from '../calls/other-namespaces.ts';
import { spawnChild } from '../calls/spawn.ts';

/** What means the inside of a namespace. */
export interface InsideOptions {
  /** The working directory, looked up inside; `/` by default. */
  readonly cwd?: string;
  /** Taken on inside, with no supplementary groups. */
  readonly uid?: number;
  readonly gid?: number;
}

/** As of Node's `spawn`, but that {@link InsideOptions} means the inside of the namespace. */
export type SpawnInsideOptions = SpawnOptions & InsideOptions;

/** As of Node's `spawnSync`, likewise. */
export type SpawnSyncInsideOptions = SpawnSyncOptions & InsideOptions;

/** Text with an `encoding`, else bytes. */
export type SpawnSyncInsideReturns<O extends SpawnSyncInsideOptions> = SpawnSyncReturns<
  O extends { readonly encoding: BufferEncoding } ? string : Buffer
>;

type SharedOptions = Pick<SpawnSyncOptions, 'stdio' | 'shell' | 'argv0'>;
type StdioList = Exclude<StdioOptions, string>;

/** What a command enters. */
interface EnterFds extends OtherNamespaces {
  readonly mount: OwnedFd;
  readonly root?: OwnedFd | undefined;
}

/**
 * Starts a command in a mount namespace. The child inherits the namespace's fds beside its standard ones and enters
 * by them: no thread of this process ever changes its namespace.
 * @throws {UsageError} for `shell`, and for streams beside the standard ones.
 */
export function spawnInside(
  fds: EnterFds,
  command: readonly string[],
  options: SpawnInsideOptions,
): ChildProcess {
  const [args, rest] = entering(fds, command, options);
  return spawnChild(enterPath(), args, rest);
}

/** {@link spawnInside}, joined: it waits until the command has ended. */
export function spawnSyncInside<O extends SpawnSyncInsideOptions>(
  fds: EnterFds,
  command: readonly string[],
  options?: O,
): SpawnSyncInsideReturns<O> {
  const [args, rest] = entering(fds, command, options ?? {});
  return spawnSync(enterPath(), args, rest) as SpawnSyncInsideReturns<O>;
}

/** The arguments for mountyard-enter, and what is left of the options for Node. */
function entering<O extends InsideOptions & SharedOptions>(
  fds: EnterFds,
  command: readonly string[],
  options: O,
): readonly [string[], Omit<O, keyof InsideOptions | keyof SharedOptions> & { readonly stdio: StdioList }] {
  const { cwd, uid, gid, stdio, shell, argv0, ...rest } = options;
  if (shell) {
    throw new UsageError(
      'shell: it would run outside of the namespace; give sh, -c and its script as the command',
    );
  }
  if (argv0 !== undefined) throw new UsageError('argv0: a command in a namespace has its own name');
  const streams = standardStreams(stdio);
  const args: string[] = [];
  for (const name of [...OTHER_KINDS, 'mount', 'root'] as const) {
    const fd = fds[name];
    if (fd) args.push(`--${name}`, String(streams.push(fd.number) - 1));
  }
  if (cwd !== undefined) args.push('--cwd', cwd);
  if (uid !== undefined) args.push('--uid', String(uid));
  if (gid !== undefined) args.push('--gid', String(gid));
  return [[...args, '--', ...command], { ...rest, stdio: streams }];
}

/** The command gets its standard streams and no other file, so that nothing of this process leaks into it. */
function standardStreams(stdio: StdioOptions = 'pipe'): StdioList {
  if (typeof stdio === 'string') return [stdio, stdio, stdio];
  if (stdio.length > 3) throw new UsageError('stdio: a command in a namespace gets standard streams only');
  return [0, 1, 2].map((index) => stdio[index] ?? 'pipe');
}
