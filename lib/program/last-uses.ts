import { NumberById } from '../model/by-id.ts';
import type { Mount } from '../model/mount.ts';
import type { Group, GroupKey } from '../plan/groups/groups.ts';
import type { MountActions } from '../plan/steps/mount-actions.ts';
import type { Script } from '../plan/steps/script.ts';
import { type Action, type OriginId, originUsedBy } from '../plan/steps/steps.ts';
import type { Emitter } from './emitter.ts';

/** After which line of a script nothing more is done with a mount, an origin or a group. */
export class LastUses {
  readonly #script: Script;
  readonly #mounts: NumberById;
  readonly #origins: number[] = [];
  /** By the index of the group, as all that follows of groups. */
  readonly #groups: number[] = [];
  /** Ids of the mounts that start groups. */
  readonly #starts: number[] = [];
  /** Groups whose holders are mounted nowhere. */
  readonly #detached = new Set<number>();
  readonly #taken: Mount[] = [];
  /** Origins that others are cloned from, or in which mount points are made. */
  readonly #used: boolean[] = [];

  constructor(script: Script) {
    this.#script = script;
    this.#mounts = new NumberById(script.tree.list);
    for (let index = 0; index < script.length; index += 1) this.#learn(index);
  }

  /** Whether the origin becomes a mount of the tree itself. */
  isTaken(origin: OriginId): boolean {
    return this.#taken[origin] !== undefined;
  }

  /** The mount that the origin becomes, where nothing is done with the origin before it is that mount. */
  takerAtOnce(origin: OriginId): Mount | undefined {
    return this.#used[origin] ? undefined : this.#taken[origin];
  }

  /** How many detached mounts are closed without having been mounted anywhere. */
  get dismissed(): number {
    return this.#origins.filter((_, origin) => !this.isTaken(origin)).length + this.#detached.size;
  }

  /** Closes what the action was the last use of; `dismiss` what is mounted nowhere. */
  closeAfter(index: number, action: Action, emitter: Emitter, dismiss: Dismiss): void {
    switch (action.kind) {
      case 'place':
        this.#closeMount(index, action.mount, emitter);
        this.#closeMount(index, action.parent, emitter);
        return;
      case 'clone-image':
        this.#closeMount(index, action.of, emitter);
        return;
      case 'make-group':
        if (action.master !== undefined)
          this.#closeGroup(index, this.#named(action.master), emitter, dismiss);
        if (action.from && 'origin' in action.from)
          this.#closeOrigin(index, action.from.origin, emitter, dismiss);
        this.#closeGroup(index, this.#named(action.group), emitter, dismiss);
        return;
      case 'start-group': {
        const { actions } = this.#script;
        const master = actions.masterOf(this.#groupAt(index));
        if (master) this.#closeGroup(index, master, emitter, dismiss);
        if (action.from) this.#closeOrigin(index, action.from.origin, emitter, dismiss);
        return;
      }
      case 'clone-member':
        this.#closeGroup(index, this.#groupAt(index), emitter, dismiss);
        return;
      case 'set-group':
        this.#closeGroup(index, this.#groupAt(index), emitter, dismiss);
        break;
      default: {
        const origin = originUsedBy(action);
        if (origin !== undefined) this.#closeOrigin(index, origin, emitter, dismiss);
      }
    }
    if (hasMount(action)) this.#closeMount(index, action.mount, emitter);
  }

  /** What the mount of a line joins. */
  #groupAt(index: number): Group {
    return this.#script.actions.groupOf(this.#script.mountAt(index)) as Group;
  }

  #named(key: GroupKey): Group {
    return this.#script.actions.groupNamed(key);
  }

  #learn(index: number): void {
    const script = this.#script;
    const line = script.lineAt(index);
    if (line === 'step') {
      this.#learnAction(script.action(index), index);
      return;
    }
    if (line === 'node') {
      this.#origins[script.nodeOriginAt(index)] = index;
      return;
    }
    const mount = script.mountAt(index);
    this.#mounts.set(mount.id, index);
    if (line === 'place') this.#mounts.set(mount.parentId, index);
    else if (line === 'clone-image') this.#mounts.set(script.actions.patternOf(mount).id, index);
    else if (line === 'start-group') this.#learnStart(script.actions, mount, index);
    else if (line === 'clone-member' || line === 'set-group') this.#useGroup(this.#groupAt(index), index);
    else if (script.actions.takes(mount)) this.#taken[script.actions.originOf(mount)] = mount;
    else this.#cloneFrom(script.actions.originOf(mount), index);
  }

  #learnStart(actions: MountActions, mount: Mount, index: number): void {
    const group = actions.groupOf(mount) as Group;
    const master = actions.masterOf(group);
    this.#starts[group.index] = mount.id;
    if (master) this.#useGroup(master, index);
    if (!actions.startsFromOrigin(mount)) return;
    const origin = actions.originOf(mount);
    this.#cloneFrom(origin, index);
    if (actions.takes(mount)) this.#taken[origin] = mount;
  }

  #cloneFrom(origin: OriginId, index: number): void {
    this.#origins[origin] = index;
    this.#used[origin] = true;
  }

  #useGroup(group: Group, index: number): void {
    const start = this.#starts[group.index];
    if (start === undefined) this.#groups[group.index] = index;
    else this.#mounts.set(start, index);
  }

  #learnAction(action: Action, index: number): void {
    if (hasMount(action)) this.#mounts.set(action.mount, index);
    const origin = originUsedBy(action);
    if (origin !== undefined) this.#origins[origin] = index;
    if (action.kind === 'make-mount-point') this.#used[action.origin] = true;
    if (action.kind !== 'make-group') return;
    const group = this.#named(action.group);
    this.#groups[group.index] = index;
    if (action.master !== undefined) this.#useGroup(this.#named(action.master), index);
    if (action.from && 'origin' in action.from) this.#cloneFrom(action.from.origin, index);
    if (!action.followsHost && action.node === 'directory') this.#detached.add(group.index);
  }

  #closeMount(index: number, mount: number, emitter: Emitter): void {
    if (this.#mounts.get(mount) === index) emitter.close(emitter.mount(mount));
  }

  #closeOrigin(index: number, origin: OriginId, emitter: Emitter, dismiss: Dismiss): void {
    // One that is taken is closed as the mount that it is.
    if (this.#origins[origin] === index && !this.isTaken(origin)) dismiss(emitter.origin(origin), origin);
  }

  #closeGroup(index: number, group: Group, emitter: Emitter, dismiss: Dismiss): void {
    const start = this.#starts[group.index];
    if (start !== undefined) {
      if (this.#mounts.get(start) === index) emitter.close(emitter.mount(start));
      return;
    }
    if (this.#groups[group.index] !== index) return;
    const slot = emitter.group(group);
    if (this.#detached.has(group.index)) dismiss(slot);
    else emitter.close(slot);
  }
}

/** Closes a mount that is mounted nowhere: an origin, or the holder of a group. */
type Dismiss = (slot: number, origin?: OriginId) => void;

type OfMount = Extract<
  Action,
  { kind: 'clone' | 'set-group' | 'share' | 'become-root' | 'replace-root' | 'lift' | 'attach' }
>;

/** Whether the action uses its mount; `make-node` and others only name the one that they serve. */
function hasMount(action: Action): action is OfMount {
  switch (action.kind) {
    case 'clone':
    case 'set-group':
    case 'share':
    case 'become-root':
    case 'replace-root':
    case 'lift':
    case 'attach':
      return true;
    default:
      return false;
  }
}
