import type { HostFacts } from '../model/facts.ts';
import { idRanges } from '../model/id-maps.ts';
import type { IdMap } from '../model/mount.ts';
import type { RestoreOptions } from './options/options.ts';

/** The ids that can own something where the tree is built; `undefined` where all can, or it is not known. */
export function mappedIds(
  userNamespace: RestoreOptions['userNamespace'],
  facts: HostFacts,
): IdMap | undefined {
  if (facts.destination?.idMap) return facts.destination.idMap;
  if (userNamespace === undefined) return facts.capabilities.privileges.idMap;
  if (userNamespace === 'self') {
    const { uid, gid = uid } = facts.capabilities.privileges;
    return { uid: idRanges([`0 ${uid} 1`]), gid: idRanges([`0 ${gid} 1`]) };
  }
  return { uid: idRanges(userNamespace.uidMap), gid: idRanges(userNamespace.gidMap) };
}
