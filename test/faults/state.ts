/** All of a machine that a restore could leave something in. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { openFds } from '../support/open-fds.ts';
import { mountTable } from '../support/scratch-mount.ts';

export interface State {
  /** Byte for byte, propagation included. */
  readonly mounts: string;
  readonly fds: readonly string[];
  readonly threads: number;
  readonly processes: readonly string[];
  readonly files: readonly string[];
  readonly cwd: string;
}

/** What there is now; `path` is where files could be left. */
export function stateOf(path: string): State {
  return {
    mounts: mountTable(),
    fds: openFds(),
    threads: readdirSync('/proc/self/task').length,
    processes: children(),
    files: filesIn(path),
    cwd: process.cwd(),
  };
}

/** All is as it was; a thread that Node ended meanwhile is no loss. One that was joined is seen a moment longer. */
export async function expectUnchanged(before: State, path: string): Promise<void> {
  const after = stateOf(path);
  expect({ ...after, threads: 0 }).toEqual({ ...before, threads: 0 });
  if (after.threads > before.threads)
    await vi.waitFor(() => expect(stateOf(path).threads).toBeLessThanOrEqual(before.threads));
}

/** Children of any thread of this process, those that wait to be reaped too. */
export function children(): string[] {
  return readdirSync('/proc/self/task').flatMap((thread) => {
    try {
      const ids = readFileSync(`/proc/self/task/${thread}/children`, 'latin1').trim();
      return ids === '' ? [] : ids.split(' ');
    } catch {
      return []; // the thread has ended
    }
  });
}

/** Names, modes and owners, without what other mounts hold. */
function filesIn(path: string): string[] {
  const { dev } = statSync(path);
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const below = join(path, entry.name);
    if (entry.isSymbolicLink()) return [below];
    const { mode, uid, dev: device } = statSync(below);
    const line = `${below} ${mode.toString(8)} ${uid}`;
    return entry.isDirectory() && (device === dev || below.endsWith('disk'))
      ? [line, ...filesIn(below)]
      : [line];
  });
}
