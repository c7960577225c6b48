import type { IdMap } from '../model/mount.ts';
import type { MountTree } from '../model/tree.ts';
import { native } from './native.ts';
import { decodeStatmount, STATMOUNT } from './statmount.ts';

const LSMT_ROOT = -1n;
const MASK = BigInt(STATMOUNT.MNT_BASIC | STATMOUNT.MNT_UIDMAP | STATMOUNT.MNT_GIDMAP);

/**
 * The caller's own tree with the maps of its idmapped mounts, which a mountinfo only mentions. Where the kernel has
 * no listmount(2) and statmount(2), the tree as it is.
 */
export function readIdMaps(tree: MountTree): MountTree {
  if (!tree.mounts.some((mount) => mount.options.includes('idmapped'))) return tree;
  const ids = native.sys.listmount(LSMT_ROOT, 0n, 0);
  if (typeof ids === 'number') return tree;
  const maps = new Map<number, { readonly idmap: IdMap; readonly uniqueId: string }>();
  for (const id of ids) {
    const answer = native.sys.statmount(id, 0n, MASK);
    if (typeof answer === 'number') continue;
    const { idmap, oldId } = decodeStatmount(answer);
    if (idmap && idmap.uid.length > 0 && oldId !== undefined)
      maps.set(oldId, { idmap, uniqueId: String(id) });
  }
  return tree.map((mount) =>
    mount.options.includes('idmapped') ? { ...mount, ...maps.get(mount.id) } : mount,
  );
}
