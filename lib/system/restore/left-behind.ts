/** Processes that a new root did not take along. */
import { MountError } from '../../errors.ts';
import { decodeBytes } from '../../model/bytes.ts';
import type { MountTree } from '../../model/tree.ts';
import type { HeldFd } from '../calls/fd.ts';
import { statOpen } from '../calls/lookup.ts';
import type { Procfs } from '../calls/procfs.ts';
import { processesIn } from '../capture/processes.ts';

/** A process of a namespace that stands, with its root or working directory, in what is not mounted there any more. */
export interface LeftBehind {
  readonly pid: number;
  /** Its name, as proc_pid_comm(5) has it. */
  readonly command: string;
  readonly at: readonly ('root' | 'cwd')[];
}

/**
 * The processes of a namespace whose root or working directory lies on none of its mounts: pivot_root(2) takes along
 * who stood on the old root itself, and nobody else. A process that ends meanwhile or that the caller may not look at
 * (ptrace(2), PTRACE_MODE_READ) is not among them, nor is one that the caller's /proc does not show.
 *
 * @throws {MountError} when the processes cannot be listed.
 */
export function leftBehind(procfs: Procfs, namespace: HeldFd, tree: MountTree): LeftBehind[] {
  const own = `mnt:[${statOpen(namespace).inode}]`;
  const found: LeftBehind[] = [];
  for (const pid of processesIn(procfs)) {
    try {
      if (procfs.readLink(`${pid}/ns`, 'mnt') !== own) continue;
      const at = (['root', 'cwd'] as const).filter((link) => !isOnTree(procfs, pid, link, tree));
      if (at.length === 0) continue;
      const command = decodeBytes(procfs.read(`${pid}/comm`)).trimEnd();
      found.push({ pid, command, at });
    } catch (error) {
      if (!(error instanceof MountError)) throw error; // it is gone, or another's
    }
  }
  return found;
}

function isOnTree(procfs: Procfs, pid: number, link: string, tree: MountTree): boolean {
  using directory = procfs.openLink(String(pid), link, ['PATH']);
  return tree.get(Number(statOpen(directory).mountId)) !== undefined;
}
