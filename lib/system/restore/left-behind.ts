/** Processes that a new root did not take along. */
import { MountError } from '../../errors.ts';
import { decodeBytes } from '../../model/bytes.ts';
import type { Leavers, LeftBehind } from '../../model/left-behind.ts';
import type { MountTree } from '../../model/tree.ts';
import type { HeldFd } from '../calls/fd.ts';
import { statOpen } from '../calls/lookup.ts';
import type { Procfs } from '../calls/procfs.ts';
import { processesIn } from '../capture/processes.ts';

/** The process ended meanwhile, or the caller may not look at it. */
const PASSED_OVER = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM']);

/**
 * The processes of a namespace whose root or working directory lies on none of its mounts: pivot_root(2) takes along
 * who stood on the old root itself, and nobody else. Of each process the first thread is looked at: another that has a
 * root or a working directory of its own (CLONE_FS) is not seen. A process that ends meanwhile or that the caller may
 * not look at (ptrace(2), PTRACE_MODE_READ) is not among them, nor is one that the caller's /proc does not show. A
 * refusal that is about no process is no failure of the restore, whose tree stands: then they are unknown.
 */
export function leftBehind(procfs: Procfs, namespace: HeldFd, tree: MountTree): Leavers {
  try {
    return { leftBehind: findLeftBehind(procfs, namespace, tree) };
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
    return { leftBehind: undefined, leftBehindUnknown: error.message };
  }
}

function findLeftBehind(procfs: Procfs, namespace: HeldFd, tree: MountTree): LeftBehind[] {
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
      if (!(error instanceof MountError && PASSED_OVER.has(error.code))) throw error;
    }
  }
  return found;
}

function isOnTree(procfs: Procfs, pid: number, link: string, tree: MountTree): boolean {
  using directory = procfs.openLink(String(pid), link, ['PATH']);
  return tree.get(Number(statOpen(directory).mountId)) !== undefined;
}
