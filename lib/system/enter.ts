import { type ChildProcess, type SpawnOptions, type StdioOptions, spawn } from 'node:child_process';
import { enterPath } from './enter-path.ts';
import type { OwnedFd } from './fd.ts';

/** Options that mean the inside of the namespace. */
export interface EnterOptions {
  /** The working directory, looked up inside; `/` by default. */
  readonly cwd?: string;
  /** Taken on inside, with no supplementary groups. */
  readonly uid?: number;
  readonly gid?: number;
}

/** What a command enters. */
export interface EnterFds {
  readonly mount: OwnedFd;
  readonly root?: OwnedFd | undefined;
  readonly user?: OwnedFd | undefined;
}

/**
 * Starts a command in a mount namespace. The child inherits the namespace's fds beside its standard ones and enters
 * by them: no thread of this process ever changes its namespace.
 */
export function spawnInside(
  fds: EnterFds,
  command: readonly string[],
  options: SpawnOptions & EnterOptions,
): ChildProcess {
  const { cwd, uid, gid, stdio, ...rest } = options;
  const streams = stdioArray(stdio);
  const args: string[] = [];
  for (const name of ['user', 'mount', 'root'] as const) {
    const fd = fds[name];
    if (fd) args.push(`--${name}`, String(streams.push(fd.number) - 1));
  }
  if (cwd !== undefined) args.push('--cwd', cwd);
  if (uid !== undefined) args.push('--uid', String(uid));
  if (gid !== undefined) args.push('--gid', String(gid));
  return spawn(enterPath(), [...args, '--', ...command], { ...rest, stdio: streams });
}

function stdioArray(stdio: StdioOptions = 'pipe'): Exclude<StdioOptions, string> {
  if (typeof stdio === 'string') return [stdio, stdio, stdio];
  return Array.from(
    { length: Math.max(3, stdio.length) },
    (_, index) => stdio[index] ?? (index < 3 ? 'pipe' : 'ignore'),
  );
}
