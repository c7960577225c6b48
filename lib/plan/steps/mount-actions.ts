import { attributesOf, MOUNT_ATTR_ALL } from '../../flags.ts';
import { NumberById, type OfMounts } from '../../model/by-id.ts';
import { type IdMap, type Mount, nameOf, type PathString } from '../../model/mount.ts';
import { relativePath } from '../../model/paths.ts';
import { takesNodes } from '../filesystems.ts';
import type { Group, GroupKey, Groups } from '../groups/groups.ts';
import type { GroupStarts } from '../groups/starts.ts';
import type { Images } from '../layout/images.ts';
import type { Spot } from '../layout/layout.ts';
import type { LayoutOrigin } from '../layout/layout-origin.ts';
import type { Resolution } from '../resolve.ts';
import type { ActionOf, OriginId } from './steps.ts';

/** What is done for every mount, or for every one that is in a group. */
export type MountActionKind =
  | 'clone'
  | 'clone-image'
  | 'start-group'
  | 'clone-member'
  | 'place'
  | 'set-group';

/** What is done for a mount: out of its origin with its attributes, onto its parent, into its group. */
export class MountActions {
  readonly #resolution: Resolution;
  readonly #originIds: readonly OriginId[];
  readonly #images: Images;
  readonly #groups: Groups;
  readonly #starts: GroupStarts;
  #takers: OfMounts<number>;
  readonly #attributes = new Map<readonly string[], number>();

  /** @param originIds by the index of the origin in the layout. */
  constructor(
    resolution: Resolution,
    originIds: readonly OriginId[],
    images: Images,
    groups: Groups,
    starts: GroupStarts,
  ) {
    this.#resolution = resolution;
    this.#originIds = originIds;
    this.#images = images;
    this.#groups = groups;
    this.#takers = new NumberById(resolution.tree.list);
    this.#starts = starts;
  }

  clone(mount: Mount): ActionOf<'clone'> {
    return {
      kind: 'clone',
      mount: mount.id,
      origin: this.originOf(mount),
      path: this.#pathOf(mount),
      take: this.takes(mount),
      attributes: this.#attributesOf(mount.options),
      unbindable: mount.propagation.unbindable,
      idmap: this.idmapOf(mount),
    };
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
    return { kind: 'set-group', mount: mount.id, group: (this.groupOf(mount) as Group).key };
  }

  'start-group'(mount: Mount): ActionOf<'start-group'> {
    const group = this.groupOf(mount) as Group;
    return {
      kind: 'start-group',
      mount: mount.id,
      group: group.key,
      from: this.startsFromOrigin(mount)
        ? { origin: this.originOf(mount), take: this.takes(mount) }
        : undefined,
      node: this.#resolution.kinds.kindAt(this.#spotOf(mount)),
      master: this.masterOf(group)?.key,
      shared: mount.propagation.shared !== undefined,
      attributes: this.#attributesOf(mount.options),
    };
  }

  'clone-member'(mount: Mount): ActionOf<'clone-member'> {
    const group = this.groupOf(mount) as Group;
    const start = this.#starts.startOf(group) as Mount;
    const attributes = this.#attributesOf(mount.options);
    const isSame = start.options === mount.options || this.#attributesOf(start.options) === attributes;
    const own = isSame ? undefined : attributes;
    return { kind: 'clone-member', mount: mount.id, group: group.key, attributes: own };
  }

  /** What the mount joins; nothing for a private or unbindable one. */
  groupOf(mount: Mount): Group | undefined {
    return this.#groups.of(mount);
  }

  /** What steps call so. */
  groupNamed(key: GroupKey): Group {
    return this.#groups.named(key);
  }

  /** The group that a group has its master from. */
  masterOf(group: Group): Group | undefined {
    return this.#groups.masterOf(group);
  }

  /** Whether a mount that starts its group is cloned from its origin, and not from what its master's started with. */
  startsFromOrigin(mount: Mount): boolean {
    const { master } = mount.propagation;
    return master === undefined || !this.#resolution.tree.groups.has(master);
  }

  originOf(mount: Mount): OriginId {
    const { index } = this.#resolution.layout.roots.originOf(mount.id) as LayoutOrigin;
    return this.#originIds[index] as OriginId;
  }

  idmapOf(mount: Mount): IdMap | undefined {
    return this.#resolution.choices.idmap.get(mount.id) ?? mount.idmap;
  }

  /** Whether the mount is its origin itself. */
  takes(mount: Mount): boolean {
    return this.#takers.get(mount.id) !== undefined;
  }

  /** Whether the mount could be its origin: a map can be given to a detached clone only. */
  isWhole(mount: Mount): boolean {
    return this.#resolution.layout.roots.pathOf(mount.id) === '/' && this.idmapOf(mount) === undefined;
  }

  /** Says which mounts are their origins themselves: that is known when all is in order. */
  setTakers(takers: OfMounts<number>): void {
    this.#takers = takers;
  }

  reason(kind: MountActionKind, mount: Mount): string {
    switch (kind) {
      case 'clone': {
        return this.takes(mount)
          ? `${nameOf(mount)} is the last to show this filesystem as a whole`
          : `${nameOf(mount)} shows ${this.#spotOf(mount).path} of it`;
      }
      case 'clone-image':
        return `with all that is mounted on it ${nameOf(mount)} is as ${nameOf(this.patternOf(mount))}`;
      case 'start-group':
        return startReason(mount);
      case 'clone-member':
        return `${nameOf(mount)} shows what ${this.#startNameOf(mount)} shows, and shares what that shares`;
      case 'place': {
        const parent = this.#parentOf(mount);
        const covers = parent.mountPoint === mount.mountPoint;
        return `${covers ? 'it covers' : 'it belongs on'} ${nameOf(parent)}`;
      }
      case 'set-group':
        return joinReason(mount);
    }
  }

  #startNameOf(mount: Mount): string {
    return nameOf(this.#starts.startOf(this.groupOf(mount) as Group) as Mount);
  }

  #parentOf(mount: Mount): Mount {
    return this.#resolution.tree.parentOf(mount) as Mount;
  }

  #hasOnlyOwnNodes(mount: Mount): boolean {
    const supply = this.#resolution.supplies.get(mount.id);
    return supply?.kind === 'stand-in' || (supply?.kind === 'fresh' && takesNodes(mount.type));
  }

  /** Many mounts have the same options, and a parser gives them one list. */
  #attributesOf(options: readonly string[]): number {
    const known = this.#attributes.get(options);
    if (known !== undefined) return known;
    const attributes = attributesOf(options) & MOUNT_ATTR_ALL;
    this.#attributes.set(options, attributes);
    return attributes;
  }

  /** Where it is in its origin while the tree is built. */
  #pathOf(mount: Mount): PathString {
    const { layout, deletedRoots } = this.#resolution;
    return mount.deleted ? deletedRoots.pathOf(mount, this.#spotOf(mount)) : layout.roots.pathOf(mount.id);
  }

  #spotOf(mount: Mount): Spot {
    return this.#resolution.layout.roots.get(mount.id) as Spot;
  }
}

function startReason({ propagation: { shared, master } }: Mount): string {
  const of = master === undefined ? '' : ` a slave of ${master}`;
  return shared === undefined
    ? `nothing is mounted on it: it can be${of} at once`
    : `nothing is mounted on it: it can start peer group ${shared}${of && `,${of},`} at once`;
}

function joinReason({ propagation: { shared, master } }: Mount): string {
  const of = master === undefined ? '' : ` and a slave of ${master}`;
  return shared === undefined
    ? `all that is mounted on it is in place: it becomes a slave of peer group ${master}`
    : `all that is mounted on it is in place: it joins peer group ${shared}${of}`;
}
