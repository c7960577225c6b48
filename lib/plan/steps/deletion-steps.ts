import type { PathString } from '../../model/mount.ts';
import type { LayoutOrigin } from '../layout/layout-origin.ts';
import type { Resolution } from '../resolve.ts';
import { type OriginSteps, readOnlyStep } from './origin-steps.ts';
import type { OriginId, Step } from './steps.ts';

/**
 * Removes the roots that were deleted when the tree was captured: after all is placed, before it is attached. In a
 * superblock that is to be read-only they keep a second name.
 */
export function deletionSteps(resolution: Resolution, origins: OriginSteps): Step[] {
  const { deletedRoots } = resolution;
  return [...deletedRoots.origins].flatMap((key) => {
    const origin = origins.id(key, key.first);
    const steps = [...deletedRoots.in(key)].flatMap((path) => deletion(resolution, key, origin, path));
    return deletedRoots.isReadOnly(key) ? [...steps, readOnlyStep(origin)] : steps;
  });
}

/** Of all that had one name. */
function deletion(
  { deletedRoots, kinds }: Resolution,
  key: LayoutOrigin,
  origin: OriginId,
  name: PathString,
) {
  const waiting = deletedRoots.waitingPlace(key, name);
  const others = deletedRoots.waitingOthers(key, name);
  const path = deletedRoots.builtPath(key, name);
  const rename = (from: PathString, to: PathString, reason: string): Step => ({
    kind: 'rename',
    origin,
    from,
    to,
    reason,
  });
  const remove = (place: PathString): Step[] => {
    const kept = deletedRoots.keptPlace(key, place);
    const why = 'Linux makes no filesystem read-only while something without a name is in use';
    const node = kinds.kindAt({ origin: key, path: place });
    return [
      ...(kept === undefined ? [] : [{ kind: 'link', origin, from: path, to: kept, reason: why } as const]),
      { kind: 'delete', origin, path, node, reason: 'it was deleted after it was mounted' },
    ];
  };
  const takeName = (place: PathString, reason: string) => [rename(place, path, reason), ...remove(place)];
  if (waiting === undefined) {
    const why = 'it had the name that another had';
    return [...remove(path), ...others.flatMap((place) => takeName(place, why))];
  }
  const aside = deletedRoots.asidePlace(key);
  const reason = 'the deleted one goes under the name that the live one has';
  return [
    rename(path, aside, reason),
    ...[waiting, ...others].flatMap((place) => takeName(place, reason)),
    rename(aside, path, 'the live one has its name again'),
  ];
}
