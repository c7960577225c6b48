import { MountError } from '../../errors.ts';
import { atOnce } from '../../model/pausing.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { MountTree } from '../../model/tree.ts';
import type { OwnedFd } from '../calls/fd.ts';
import { statFd } from '../calls/lookup.ts';
import { Procfs } from '../calls/procfs.ts';
import { captureNamespace, captureTree } from './capture.ts';
import { descendantsOf, threadsOf, unlessGone } from './processes.ts';

/**
 * Captures the mount namespace of a process as a snapshot; its own by default. With `descendants` also those of all
 * threads of it and of the processes that descend from it, each namespace once, the process's own first. Of the
 * calling process only the calling thread counts. One after the other, and without stopping anything: what mounts and
 * unmounts meanwhile can be seen in one namespace and not in the next.
 *
 * @throws {MountError} as {@link captureTree} does.
 */
export function captureSnapshot(
  options: { readonly pid?: number; readonly descendants?: boolean } = {},
): Snapshot {
  const { pid, descendants } = options;
  const first = captureTree(pid === undefined ? {} : { pid });
  if (!descendants) return { namespaces: [first] };
  using procfs = Procfs.open();
  using own = namespaceOf(procfs, pid ?? 'thread-self');
  const seen = new Set([identityOf(own)]);
  const others: MountTree[] = [];
  for (const thread of threadsBelow(procfs, pid ?? process.pid)) {
    using namespace = unlessGone(() => namespaceOf(procfs, thread));
    const identity = namespace && identityOf(namespace);
    if (!namespace || identity === undefined || seen.has(identity)) continue;
    seen.add(identity);
    others.push(captureHeld(procfs, thread, namespace));
  }
  return { namespaces: [first, ...others] };
}

/** Of the process itself, unless it is the calling one, and of its descendants: the ids by which /proc has them. */
function* threadsBelow(procfs: Procfs, pid: number): Generator<number> {
  if (pid !== process.pid) yield* threadsOf(procfs, pid);
  for (const descendant of descendantsOf(procfs, pid)) yield* threadsOf(procfs, descendant);
}

function namespaceOf(procfs: Procfs, process: number | string): OwnedFd {
  return procfs.openLink(`${process}/ns`, 'mnt');
}

/** Device and inode of a namespace file: no other namespace has them while it is open. */
function identityOf(namespace: OwnedFd): string | undefined {
  const status = statFd(namespace.number);
  return status && `${status.device}:${status.inode}`;
}

/** As the process sees it; when it ended meanwhile, as a whole. */
function captureHeld(procfs: Procfs, pid: number, namespace: OwnedFd): MountTree {
  try {
    return captureTree({ pid });
  } catch (error) {
    if (error instanceof MountError) return atOnce(captureNamespace(procfs, namespace));
    throw error;
  }
}
