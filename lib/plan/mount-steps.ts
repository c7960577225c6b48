import { attributesOf, MOUNT_ATTR_ALL } from '../flags.ts';
import { type Mount, nameOf } from '../model/mount.ts';
import { relativePath } from '../model/paths.ts';
import { takesNodes } from './filesystems.ts';
import type { Spot } from './layout.ts';
import type { OriginSteps } from './origin-steps.ts';
import type { Resolution } from './resolve.ts';
import type { Step } from './steps.ts';

/** Gets each mount out of its origin, with its attributes, and places it on its parent. */
export class MountSteps {
  readonly #resolution: Resolution;
  readonly #origins: OriginSteps;
  readonly #steps: Step[];

  constructor(resolution: Resolution, origins: OriginSteps, steps: Step[]) {
    this.#resolution = resolution;
    this.#origins = origins;
    this.#steps = steps;
  }

  enter(mount: Mount): void {
    const spot = this.#resolution.layout.roots.get(mount.id) as Spot;
    const origin = this.#origins.id(spot.origin, mount);
    const idmap = this.#resolution.choices.idmap.get(mount.id) ?? mount.idmap;
    // A map can be given to a detached clone only.
    const take = !idmap && this.#isOnlyUse(mount, spot);
    this.#steps.push({
      kind: 'clone',
      mount: mount.id,
      origin,
      path: this.#resolution.deletedRoots.pathOf(mount, spot),
      take,
      attributes: attributesOf(mount.options) & MOUNT_ATTR_ALL,
      unbindable: mount.propagation.unbindable,
      ...(idmap ? { idmap } : {}),
      reason: take
        ? `${nameOf(mount)} is the only one to show this filesystem`
        : `${nameOf(mount)} shows ${spot.path} of it`,
    });
    this.#place(mount);
  }

  #place(mount: Mount): void {
    const parent = this.#resolution.tree.parentOf(mount);
    if (!parent) return;
    const path = relativePath(parent.mountPoint, mount.mountPoint) ?? '';
    this.#steps.push({
      kind: 'place',
      mount: mount.id,
      parent: parent.id,
      path,
      ownNodes: this.#hasOnlyOwnNodes(parent),
      reason: path === '' ? `it covers ${nameOf(parent)}` : `it belongs on ${nameOf(parent)}`,
    });
  }

  #hasOnlyOwnNodes(mount: Mount): boolean {
    const supply = this.#resolution.supplies.get(mount.id);
    return supply?.kind === 'stand-in' || (supply?.kind === 'fresh' && takesNodes(mount.type));
  }

  /** Whether the origin itself can be the mount, because nothing else is cloned from it or done in it later. */
  #isOnlyUse(mount: Mount, spot: Spot): boolean {
    const { layout, masters } = this.#resolution;
    const { shared, master } = mount.propagation;
    const grouped = shared !== undefined || (master !== undefined && !masters.ignored.has(master));
    return !grouped && spot.path === '/' && layout.members.get(spot.origin)?.length === 1;
  }
}
