import type { Mount, PathString } from '../model/mount.ts';
import type { OriginSteps } from './origin-steps.ts';
import type { Resolution } from './resolve.ts';
import type { Step } from './steps.ts';

/** Removes the roots that were deleted when the tree was captured: after all is placed, before it is attached. */
export function deletionSteps(resolution: Resolution, origins: OriginSteps): Step[] {
  const { deletedRoots, kinds, layout } = resolution;
  const steps: Step[] = [];
  for (const key of deletedRoots.origins) {
    const origin = origins.id(key, layout.members.get(key)?.[0] as Mount);
    for (const path of deletedRoots.in(key)) {
      const waiting = deletedRoots.waitingPlace(key, path);
      const others = deletedRoots.waitingOthers(key, path);
      const remove = (place: PathString): Step => ({
        kind: 'delete',
        origin,
        path,
        node: kinds.kindAt({ origin: key, path: place }),
        reason: 'it was deleted after it was mounted',
      });
      const takeName = (place: PathString, reason: string): Step[] => [
        { kind: 'rename', origin, from: place, to: path, reason },
        remove(place),
      ];
      if (waiting === undefined) {
        steps.push(remove(path));
        for (const place of others) steps.push(...takeName(place, 'it had the name that another had'));
        continue;
      }
      const aside = deletedRoots.asidePlace(key);
      const reason = 'the deleted one goes under the name that the live one has';
      steps.push({ kind: 'rename', origin, from: path, to: aside, reason });
      for (const place of [waiting, ...others]) steps.push(...takeName(place, reason));
      steps.push({
        kind: 'rename',
        origin,
        from: aside,
        to: path,
        reason: 'the live one has its name again',
      });
    }
  }
  return steps;
}
