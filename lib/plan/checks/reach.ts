/** Mounts that no path leads to: their mount point is nowhere told, so that none can be made that would be the same. */
import { type Mount, nameOf, UNREACHABLE } from '../../model/mount.ts';
import type { MountTree } from '../../model/tree.ts';
import { skipCure } from '../options/cures.ts';
import type { Findings } from '../options/findings.ts';

export function requireReachable(tree: MountTree, findings: Findings): void {
  for (const mount of tree.list) {
    const parent = mount.mountPoint === UNREACHABLE ? tree.parentOf(mount) : undefined;
    // What is below such a mount is left out or found again with it.
    if (!parent || parent.mountPoint === UNREACHABLE) continue;
    findings.require({
      kind: 'unreachable',
      mounts: [mount],
      reason: `mount ${mount.id}, a ${mount.type} with the source ${JSON.stringify(mount.source)}, ${whereItIs(mount, parent)}`,
      cures: [skipCure(tree, mount)],
    });
  }
}

/** The root of a whole filesystem holds all of it: nothing can be moved out of that. */
function whereItIs({ id }: Mount, parent: Mount): string {
  if (parent.root === '/') {
    return `is somewhere under the cover of ${nameOf(parent)}, and the kernel does not tell where: take the cover off, and capture again`;
  }
  return `is on a directory that was moved out of ${parent.root}, which ${nameOf(parent)} shows, so that no path leads to it: move that directory back, from another mount namespace, and capture again (mount ${id} has its place again)`;
}
