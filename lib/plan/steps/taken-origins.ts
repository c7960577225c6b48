import { NumberById, type OfMounts } from '../../model/by-id.ts';
import type { Mount } from '../../model/mount.ts';
import type { Engine } from '../options/options.ts';
import type { MountActions } from './mount-actions.ts';
import type { Script } from './script.ts';
import { type OriginId, originUsedBy } from './steps.ts';

/**
 * The mounts that are their origins themselves, because nothing is cloned from the origin after them, or done
 * in it. In the yard, where an origin that is cloned from has a place of its own, that goes for its only clone.
 */
export function takersOf(script: Script, actions: MountActions, engine: Engine): OfMounts<number> {
  const last: (Mount | undefined)[] = [];
  const uses: number[] = [];
  const use = (origin: OriginId, by: Mount | undefined) => {
    last[origin] = by;
    uses[origin] = (uses[origin] ?? 0) + 1;
  };
  for (let index = 0; index < script.length; index += 1) {
    const line = script.lineAt(index);
    if (line === 'clone') {
      const mount = script.mountAt(index);
      use(actions.originOf(mount), mount);
    } else if (line === 'start-group') {
      const mount = script.mountAt(index);
      if (actions.startsFromOrigin(mount)) use(actions.originOf(mount), mount);
    } else if (line === 'node') {
      last[script.nodeOriginAt(index)] = undefined;
    } else if (line === 'step') {
      const step = script.action(index);
      const origin = originUsedBy(step);
      if (origin !== undefined) last[origin] = undefined;
      if (step.kind === 'make-group' && step.from && 'origin' in step.from) use(step.from.origin, undefined);
    }
  }
  const takers = new NumberById(script.tree.list);
  last.forEach((mount, origin) => {
    const isOnly = uses[origin] === 1;
    const mayBeOneOfSeveral = engine === 'detached' && mount && script.tree.parentOf(mount) !== undefined;
    if (mount && actions.isWhole(mount) && (isOnly || mayBeOneOfSeveral)) takers.set(mount.id, 1);
  });
  return takers;
}
