import { decodeBytes } from '../model/bytes.ts';
import type { IdRange } from '../model/mount.ts';
import type { MountTree } from '../model/tree.ts';
import type { RestoreOptions } from '../plan/options.ts';
import type { HeldHost } from './held.ts';
import { mapLines } from './userns.ts';

/** `uid=` and `gid=` as whole words; neither is ever quoted or escaped. */
const OWNER = /(^|,)(uid|gid)=(\d+)(?=,|$)/g;

/**
 * A tmpfs prints its owner when that is not the initial user namespace's root, and as ids of the initial user
 * namespace (mm/shmem.c, shmem_show_options). So one that was made in a user namespace prints `uid=1000` where its
 * owner is root inside. Gives the tree with these ids as they are inside, and root left out, in filesystems that
 * were made since inspection. A caller that lives more than one user namespace deep cannot know the initial one's ids.
 */
export function ownersAsSeenInside(
  tree: MountTree,
  held: HeldHost,
  userNamespace: RestoreOptions['userNamespace'],
): MountTree {
  const maps = {
    uid: [ranges(decodeBytes(held.procfs.read('thread-self/uid_map')))],
    gid: [ranges(decodeBytes(held.procfs.read('thread-self/gid_map')))],
  };
  if (userNamespace !== undefined) {
    const { uids, gids } = mapLines(userNamespace);
    maps.uid.push(ranges(uids.join('\n')));
    maps.gid.push(ranges(gids.join('\n')));
  }
  if ([...maps.uid, ...maps.gid].every(isIdentity)) return tree;
  return tree.map((mount) => {
    if (held.devices.has(mount.device)) return mount;
    const superOptions = mount.superOptions.replace(
      OWNER,
      (word, comma: string, key: 'uid' | 'gid', id: string) => {
        const inside = throughMaps(Number(id), maps[key]);
        if (inside === undefined) return word;
        return inside === 0 ? '' : `${comma}${key}=${inside}`;
      },
    );
    return superOptions === mount.superOptions ? mount : { ...mount, superOptions };
  });
}

function ranges(map: string): IdRange[] {
  return map
    .split('\n')
    .map((line) => line.trim().split(/ +/).map(Number))
    .flatMap(([inside, outside, length]) =>
      inside === undefined || outside === undefined || length === undefined
        ? []
        : [{ inside, outside, length }],
    );
}

function isIdentity(map: readonly IdRange[]): boolean {
  return map.every(({ inside, outside }) => inside === outside);
}

/** From the outermost namespace to the innermost. */
function throughMaps(id: number, maps: readonly (readonly IdRange[])[]): number | undefined {
  return maps.reduce<number | undefined>((outer, map) => {
    if (outer === undefined) return undefined;
    const range = map.find(({ outside, length }) => outer >= outside && outer < outside + length);
    return range && range.inside + (outer - range.outside);
  }, id);
}
