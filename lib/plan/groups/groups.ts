import { NumberById } from '../../model/by-id.ts';
import type { Mount } from '../../model/mount.ts';
import type { Resolution } from '../resolve.ts';

/** A sharing group that is being built: the peers of one group, or the slaves-only of one master. */
export type GroupKey = `peers:${number}` | `slaves:${number}`;

/** What mounts join: the peers of one group, or those that are only slaves of one master. */
export interface Group {
  /** What steps call it. */
  readonly key: GroupKey;
  readonly role: 'peers' | 'slaves';
  /** Of the peer group, or of the master's. */
  readonly id: number;
  /** Counted from 0, as they are found. */
  readonly index: number;
}

/** The groups of a tree, each named once. */
export class Groups {
  readonly #resolution: Resolution;
  /** By index. */
  readonly #all: Group[] = [];
  /** The index of the group that each mount joins. */
  readonly #ofMounts: NumberById;
  readonly #peers = new Map<number, Group>();
  readonly #slaves = new Map<number, Group>();
  /** By the index of the group; null for those that have none. */
  readonly #masters: (Group | null)[] = [];

  constructor(resolution: Resolution) {
    this.#resolution = resolution;
    this.#ofMounts = new NumberById(resolution.tree.list);
  }

  /** What a mount joins; nothing for a private or unbindable one. */
  of(mount: Mount): Group | undefined {
    const known = this.#ofMounts.get(mount.id);
    if (known !== undefined) return this.#all[known];
    const group = this.#find(mount);
    if (group) this.#ofMounts.set(mount.id, group.index);
    return group;
  }

  /** The group of a key. */
  named(key: GroupKey): Group {
    const [role, id] = key.split(':');
    const group = (role === 'peers' ? this.#peers : this.#slaves).get(Number(id));
    if (!group) throw new Error(`no group ${key}`);
    return group;
  }

  /** The group that a group has its master from. */
  masterOf(group: Group): Group | undefined {
    const known = this.#masters[group.index];
    if (known !== undefined) return known ?? undefined;
    const master = this.#findMaster(group);
    this.#masters[group.index] = master ?? null;
    return master;
  }

  #findMaster({ role, id }: Group): Group | undefined {
    const { groups } = this.#resolution.tree;
    if (role === 'slaves') return groups.has(id) ? this.#peersOf(id) : undefined;
    const master = groups.get(id)?.[0]?.propagation.master;
    return master !== undefined && groups.has(master) ? this.#peersOf(master) : this.#slavesOf(master);
  }

  #find({ id, propagation: { shared, master } }: Mount): Group | undefined {
    if (shared === undefined && master === undefined) return undefined;
    if (this.#resolution.submounts.has(id)) return undefined; // it starts one without a holder
    return shared === undefined ? this.#slavesOf(master) : this.#peersOf(shared);
  }

  #peersOf(id: number): Group {
    const known = this.#peers.get(id);
    if (known) return known;
    const group: Group = { key: `peers:${id}`, role: 'peers', id, index: this.#all.length };
    this.#peers.set(id, group);
    this.#all.push(group);
    return group;
  }

  #slavesOf(id: number | undefined): Group | undefined {
    if (id === undefined || this.#resolution.masters.ignored.has(id)) return undefined;
    const known = this.#slaves.get(id);
    if (known) return known;
    const group: Group = { key: `slaves:${id}`, role: 'slaves', id, index: this.#all.length };
    this.#slaves.set(id, group);
    this.#all.push(group);
    return group;
  }
}
