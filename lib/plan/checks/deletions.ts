import { type Mount, nameOf } from '../../model/mount.ts';
import type { MountTree } from '../../model/tree.ts';
import type { DeletedRoots } from '../layout/deleted-roots.ts';
import type { Kinds } from '../layout/kinds.ts';
import type { Layout, Spot } from '../layout/layout.ts';
import { skipCure, standInCure, supplyCure } from '../options/cures.ts';
import type { Findings } from '../options/findings.ts';
import type { Supplies } from '../supply.ts';

/** A tree whose layout is settled, with what is known of its paths. */
export interface SettledLayout {
  readonly tree: MountTree;
  readonly supplies: Supplies;
  readonly layout: Layout;
  readonly kinds: Kinds;
  readonly deletedRoots: DeletedRoots;
}

/** Requires another supply for deleted roots that cannot be had: of the host, and directories of what is read-only. */
export function requireDeletable(scene: SettledLayout, findings: Findings): void {
  const { tree, supplies, layout } = scene;
  for (const mount of tree.list) {
    const spot = mount.deleted ? layout.roots.get(mount.id) : undefined;
    if (!spot) continue;
    if (supplies.get(mount.id)?.kind === 'host') {
      if (spot.path !== '/') requireOfHost(tree, mount, findings);
    } else if (isDirectoryOfReadOnly(scene, mount, spot)) {
      requireWritable(tree, mount, findings);
    }
  }
}

function isDirectoryOfReadOnly({ kinds, deletedRoots }: SettledLayout, mount: Mount, spot: Spot): boolean {
  return (
    deletedRoots.isReadOnly(spot.origin) && kinds.kindAt(deletedRoots.spotOf(mount, spot)) === 'directory'
  );
}

function requireOfHost(tree: MountTree, mount: Mount, findings: Findings): void {
  findings.require({
    kind: 'deleted-root',
    mounts: [mount],
    reason: `${nameOf(mount)} shows ${mount.root}, which was deleted: nothing of the host is deleted for it`,
    cures: [supplyCure(tree, mount), skipCure(tree, mount)],
  });
}

/** A directory has one name: without it nothing keeps it out of sb_prepare_remount_readonly's way (fs/namespace.c). */
function requireWritable(tree: MountTree, mount: Mount, findings: Findings): void {
  findings.require({
    kind: 'deleted-root',
    mounts: [mount],
    reason:
      `${nameOf(mount)} shows the directory ${mount.root}, which was deleted, and its superblock is read-only: while ` +
      'a deleted directory is in use Linux makes a filesystem read-only only by force, and all of them at once ' +
      '(SysRq U); without ro in its superblock options, or on a stand-in, it can be built',
    cures: [supplyCure(tree, mount), standInCure(tree, mount), skipCure(tree, mount)],
  });
}
