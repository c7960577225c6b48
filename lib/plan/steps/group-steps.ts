import { type HostFacts, own } from '../../model/facts.ts';
import { type Mount, nameOf, type PathString } from '../../model/mount.ts';
import { relativePath } from '../../model/paths.ts';
import { isLockedBelow, suppliesAll } from '../checks/copied-sources.ts';
import type { Group } from '../groups/groups.ts';
import type { GroupStarts } from '../groups/starts.ts';
import type { LayoutOrigin } from '../layout/layout-origin.ts';
import type { Resolution } from '../resolve.ts';
import type { MountActions } from './mount-actions.ts';
import { mountRootNode, type OriginSteps } from './origin-steps.ts';
import type { Script } from './script.ts';
import type { NodeKind, OriginId } from './steps.ts';

/**
 * Gives each mount, when all its children are in, its peer group and master (MOVE_MOUNT_SET_GROUP).
 *
 * A group starts with a member that can be made with its sharing, or else with a holder: a detached clone of the
 * origin's root, as wide as any member can be. Either is made when the first member needs it, masters first. Members
 * need no order and no common root among themselves.
 */
export class GroupSteps {
  readonly #resolution: Resolution;
  readonly #facts: HostFacts;
  readonly #origins: OriginSteps;
  readonly #actions: MountActions;
  readonly #script: Script;
  readonly #starts: GroupStarts;
  /** By the index of the group. */
  readonly #made: boolean[] = [];
  readonly #shared = new Set<PathString>();

  constructor(
    resolution: Resolution,
    facts: HostFacts,
    origins: OriginSteps,
    actions: MountActions,
    starts: GroupStarts,
    script: Script,
  ) {
    this.#resolution = resolution;
    this.#facts = facts;
    this.#origins = origins;
    this.#actions = actions;
    this.#starts = starts;
    this.#script = script;
  }

  /** Starts the mount's group, where it has one and it is not there yet. */
  prepare(mount: Mount): void {
    const group = this.of(mount);
    if (group) this.#make(group, mount);
  }

  /** Gives the mount its sharing; nothing to do for a private or unbindable one. */
  join(mount: Mount): void {
    const submounts = this.#resolution.submounts.get(mount.id);
    if (submounts) this.#share([mount, ...submounts.map((below) => below.mount)]);
    const group = this.of(mount);
    if (!group) return;
    this.#make(group, mount);
    this.#script.addFor(mount, 'set-group');
  }

  /** What a recursive bind brought starts its groups by itself: a holder would have to be cloned without what is locked. */
  #share([top, ...submounts]: readonly [Mount, ...Mount[]]): void {
    for (const mount of [top, ...submounts]) {
      if (mount.propagation.shared === undefined) continue;
      const path = relativePath(top.mountPoint, mount.mountPoint) ?? '';
      const reason = `all that is mounted on ${nameOf(mount)} is in place: it starts a peer group`;
      this.#script.add({ kind: 'share', mount: top.id, path, reason });
    }
  }

  /** What the mount joins; nothing for a private or unbindable one. */
  of(mount: Mount): Group | undefined {
    return this.#actions.groupOf(mount);
  }

  /** Starts a group after that of its master. */
  #make(wanted: Group, mount: Mount): void {
    if (this.#made[wanted.index]) return;
    this.#made[wanted.index] = true;
    const master = this.#actions.masterOf(wanted);
    if (master && !this.#made[master.index]) this.#makeMasters(master, mount);
    this.#start(wanted, mount);
  }

  /** Starts a group that others follow. A chain of masters may be long: no recursion. */
  #makeMasters(nearest: Group, mount: Mount): void {
    const chain: Group[] = [];
    for (
      let group: Group | undefined = nearest;
      group && !this.#made[group.index];
      group = this.#actions.masterOf(group)
    ) {
      chain.push(group);
      this.#made[group.index] = true;
    }
    for (let i = chain.length - 1; i >= 0; i -= 1) this.#start(chain[i] as Group, mount);
  }

  #start(group: Group, mount: Mount): void {
    const start = this.#starts.startOf(group);
    if (!start) {
      this.#makeHolder(group, mount);
      return;
    }
    if (this.#actions.startsFromOrigin(start))
      this.#origins.id(this.#resolution.layout.roots.originOf(start.id) as LayoutOrigin, start);
    this.#script.addFor(start, 'start-group');
  }

  /** Whether the group is started by a mount of the tree. */
  hasStart(group: Group): boolean {
    return this.#starts.startOf(group) !== undefined;
  }

  /** Makes a mount that has its sharing from then on; false for one that is to be given it. */
  makeMember(mount: Mount): boolean {
    if (!this.#starts.isSharedFromStart(mount)) return false;
    const group = this.of(mount) as Group;
    this.#make(group, mount);
    if (this.#starts.startOf(group) !== mount) this.#script.addFor(mount, 'clone-member');
    return true;
  }

  #makeHolder(group: Group, mount: Mount): void {
    const { tree, masters } = this.#resolution;
    const { key, role, id } = group;
    const reason = () => whyHeld(group);
    const source = role === 'slaves' && !tree.groups.has(id) ? masters.followed.get(id) : undefined;
    if (source !== undefined) {
      const before = masters.toShare.get(source);
      if (before !== undefined && !this.#shared.has(source)) {
        this.#shared.add(source);
        const reason = `${nameOf(mount)} is to follow it, and a ${before} mount passes nothing on`;
        this.#script.add({ kind: 'share-source', source, before, mount: mount.id, reason });
      }
      const { supplies, choices } = this.#resolution;
      // Where the whole mount may hold locked ones, and the part that all the slaves show does not.
      const of =
        isLockedBelow(source, choices, this.#facts) && suppliesAll(tree, supplies, id, source)
          ? 'path'
          : 'mount';
      const from = { mountOf: source, of } as const;
      const node = of === 'mount' ? mountRootNode(this.#facts, source) : this.#nodeOf(source);
      const step = { kind: 'make-group', group: key, from, node, followsHost: true, shared: false } as const;
      this.#script.add({ ...step, mount: mount.id, reason });
      return;
    }
    const master = this.#actions.masterOf(group);
    const origin = this.#holderOrigin(id, mount);
    this.#script.add({
      kind: 'make-group',
      group: key,
      ...(master?.role !== 'peers' && { from: { origin } }),
      node: this.#origins.nodeOf(origin),
      followsHost: false,
      shared: role === 'peers',
      ...(master && { master: master.key }),
      mount: mount.id,
      reason,
    });
  }

  #nodeOf(source: PathString): NodeKind {
    return own(this.#facts.sources, source)?.kind === 'file' ? 'file' : 'directory';
  }

  /** What the holders of a group and of those who follow it are cloned from. */
  #holderOrigin(group: number, mount: Mount): OriginId {
    const key = this.#resolution.groupOrigins.get(group)?.origin;
    if (key === undefined) throw new Error(`peer group ${group} has no member in the tree`);
    return this.#origins.id(key, mount);
  }
}

function whyHeld({ role, id }: Group): string {
  return `a detached holder that ${role === 'peers' ? `starts peer group ${id}` : `is a slave of peer group ${id}`}`;
}
