import { MountError } from '../../errors.ts';
import { decodeBytes } from '../../model/bytes.ts';
import type { Procfs } from '../calls/procfs.ts';

/** A process that ended while it was looked at. */
const GONE = new Set(['ENOENT', 'ESRCH']);

/** The processes that descend from one, generation by generation, each generation by process id. */
export function descendantsOf(procfs: Procfs, pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const child of processesIn(procfs)) {
    const parent = parentOf(procfs, child);
    if (parent === undefined) continue;
    const siblings = children.get(parent);
    if (siblings) siblings.push(child);
    else children.set(parent, [child]);
  }
  const found = new Set([pid]);
  for (const process of found) for (const child of children.get(process) ?? []) found.add(child);
  found.delete(pid);
  return [...found];
}

/** All that /proc shows, by process id. @throws {MountError} */
export function processesIn(procfs: Procfs): number[] {
  return numbersIn(procfs, '.');
}

/** What `read` gives; `undefined` when the process is gone. @throws {MountError} for any other refusal. */
export function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof MountError && GONE.has(error.code)) return undefined;
    throw error;
  }
}

/** The threads of a process by id, its first one first; that one alone when it is gone. */
export function threadsOf(procfs: Procfs, pid: number): number[] {
  const others = (unlessGone(() => numbersIn(procfs, `${pid}/task`)) ?? []).filter((id) => id !== pid);
  return [pid, ...others];
}

function numbersIn(procfs: Procfs, path: string): number[] {
  return procfs
    .names(path)
    .filter((name) => /^[1-9]\d*$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** From `PID (command) S PPID …` of proc_pid_stat(5); the command may hold anything. */
function parentOf(procfs: Procfs, pid: number): number | undefined {
  const stat = unlessGone(() => decodeBytes(procfs.read(`${pid}/stat`)));
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined ? undefined : Number(fields[1]);
}
