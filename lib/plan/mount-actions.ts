import { attributesOf, MOUNT_ATTR_ALL } from '../flags.ts';
import { ById } from '../model/by-id.ts';
import { type IdMap, type Mount, nameOf } from '../model/mount.ts';
import { relativePath } from '../model/paths.ts';
import { takesNodes } from './filesystems.ts';
import type { Images } from './images.ts';
import type { Spot } from './layout.ts';
import type { OriginKey } from './origin-keys.ts';
import type { Resolution } from './resolve.ts';
import type { ActionOf, GroupKey, OriginId } from './steps.ts';

/** What is done for every mount, or for every one that is in a group. */
export type MountActionKind = 'clone' | 'clone-image' | 'place' | 'set-group';

/** What is done for a mount: out of its origin with its attributes, onto its parent, into its group. */
export class MountActions {
  readonly #resolution: Resolution;
  readonly #originIds: ReadonlyMap<OriginKey, OriginId>;
  readonly #images: Images;
  readonly #origins: ById<OriginId>;
  readonly #takes: ById<boolean>;
  readonly #groups: ById<GroupKey>;
  #lastOptions: readonly string[] | undefined;
  #lastAttributes = 0;

  constructor(resolution: Resolution, originIds: ReadonlyMap<OriginKey, OriginId>, images: Images) {
    this.#resolution = resolution;
    this.#originIds = originIds;
    this.#images = images;
    this.#origins = new ById(resolution.tree.mounts);
    this.#takes = new ById(resolution.tree.mounts);
    this.#groups = new ById(resolution.tree.mounts);
  }

  clone(mount: Mount): ActionOf<'clone'> {
    const spot = this.#spotOf(mount);
    const idmap = this.idmapOf(mount);
    const action = {
      kind: 'clone',
      mount: mount.id,
      origin: this.originOf(mount),
      path: this.#resolution.deletedRoots.pathOf(mount, spot),
      take: this.takes(mount),
      attributes: this.#attributesOf(mount.options),
      unbindable: mount.propagation.unbindable,
    } as const;
    return idmap ? { ...action, idmap } : action;
  }

  'clone-image'(mount: Mount): ActionOf<'clone-image'> {
    return { kind: 'clone-image', mount: mount.id, of: this.patternOf(mount).id };
  }

  /** The mount whose sub-tree is that of an image. */
  patternOf(image: Mount): Mount {
    return this.#images.patterns.get(image.id) as Mount;
  }

  place(mount: Mount): ActionOf<'place'> {
    const parent = this.#parentOf(mount);
    return {
      kind: 'place',
      mount: mount.id,
      parent: parent.id,
      path: relativePath(parent.mountPoint, mount.mountPoint) ?? '',
      ownNodes: this.#hasOnlyOwnNodes(parent),
    };
  }

  'set-group'(mount: Mount): ActionOf<'set-group'> {
    return { kind: 'set-group', mount: mount.id, group: this.groupOf(mount) as GroupKey };
  }

  /** What the mount joins; nothing for a private or unbindable one. */
  groupOf(mount: Mount): GroupKey | undefined {
    const known = this.#groups.get(mount.id);
    if (known !== undefined) return known;
    const group = this.#findGroup(mount);
    if (group !== undefined) this.#groups.set(mount.id, group);
    return group;
  }

  #findGroup({ id, propagation: { shared, master } }: Mount): GroupKey | undefined {
    if (this.#resolution.submounts.has(id)) return undefined; // it starts one without a holder
    if (shared !== undefined) return `peers:${shared}`;
    if (master === undefined || this.#resolution.masters.ignored.has(master)) return undefined;
    return `slaves:${master}`;
  }

  originOf(mount: Mount): OriginId {
    const known = this.#origins.get(mount.id);
    if (known !== undefined) return known;
    const origin = this.#originIds.get(this.#spotOf(mount).origin) as OriginId;
    this.#origins.set(mount.id, origin);
    return origin;
  }

  idmapOf(mount: Mount): IdMap | undefined {
    return this.#resolution.choices.idmap.get(mount.id) ?? mount.idmap;
  }

  /**
   * Whether the origin itself becomes the mount, because nothing else is cloned from it or done in it later. A map can
   * be given to a detached clone only.
   */
  takes(mount: Mount): boolean {
    const known = this.#takes.get(mount.id);
    if (known !== undefined) return known;
    const takes = this.#isAlone(mount);
    this.#takes.set(mount.id, takes);
    return takes;
  }

  #isAlone(mount: Mount): boolean {
    const { origin, path } = this.#spotOf(mount);
    if (path !== '/' || this.#resolution.layout.members.get(origin)?.length !== 1) return false;
    return this.idmapOf(mount) === undefined && this.groupOf(mount) === undefined;
  }

  reason(kind: MountActionKind, mount: Mount): string {
    switch (kind) {
      case 'clone': {
        return this.takes(mount)
          ? `${nameOf(mount)} is the only one to show this filesystem`
          : `${nameOf(mount)} shows ${this.#spotOf(mount).path} of it`;
      }
      case 'clone-image':
        return `with all that is mounted on it ${nameOf(mount)} is as ${nameOf(this.patternOf(mount))}`;
      case 'place': {
        const parent = this.#parentOf(mount);
        const covers = parent.mountPoint === mount.mountPoint;
        return `${covers ? 'it covers' : 'it belongs on'} ${nameOf(parent)}`;
      }
      case 'set-group':
        return joinReason(mount);
    }
  }

  #parentOf(mount: Mount): Mount {
    return this.#resolution.tree.parentOf(mount) as Mount;
  }

  #hasOnlyOwnNodes(mount: Mount): boolean {
    const supply = this.#resolution.supplies.get(mount.id);
    return supply?.kind === 'stand-in' || (supply?.kind === 'fresh' && takesNodes(mount.type));
  }

  /** Mounts beside each other mostly have the same options, and a parser gives them one list. */
  #attributesOf(options: readonly string[]): number {
    if (options !== this.#lastOptions) {
      this.#lastOptions = options;
      this.#lastAttributes = attributesOf(options) & MOUNT_ATTR_ALL;
    }
    return this.#lastAttributes;
  }

  #spotOf(mount: Mount): Spot {
    return this.#resolution.layout.roots.get(mount.id) as Spot;
  }
}

function joinReason({ propagation: { shared, master } }: Mount): string {
  const of = master === undefined ? '' : ` and a slave of ${master}`;
  return shared === undefined
    ? `all that is mounted on it is in place: it becomes a slave of peer group ${master}`
    : `all that is mounted on it is in place: it joins peer group ${shared}${of}`;
}
