/** What a recursive bind of a host path brings along: mounts that are not built, and that stand in the tree all the same. */
import { attributesOf, MOUNT_ATTR_ALL } from '../../flags.ts';
import { type HostFacts, own, type SourceFact } from '../../model/facts.ts';
import { type Mount, nameOf, type PathString, UNREACHABLE } from '../../model/mount.ts';
import { isInside, joinPath, parentPath, relativePath } from '../../model/paths.ts';
import { MountTree } from '../../model/tree.ts';
import type { Draft } from '../draft.ts';
import { layOut } from '../layout/layout.ts';
import { skipCure, supplyCure } from '../options/cures.ts';
import type { Findings } from '../options/findings.ts';
import { assignSupplies } from '../supply.ts';
import { pathOf, usesCopy } from './copied-sources.ts';
import { requireAloneInGroup, requireNoMap } from './recursive-groups.ts';

/** By the id of the mount that a recursive bind supplies: what comes with it, as it will stand in the tree. */
export type Submounts = ReadonlyMap<number, readonly Submount[]>;

export interface Submount {
  /** With the id of the mount of the tree that it supplies, or a new one. */
  readonly mount: Mount;
  /** It supplies a mount of the tree. */
  readonly wanted: boolean;
}

const NONE: Submounts = new Map();

/** What is left to build when recursive binds have brought what they bring. */
export interface Reduced {
  readonly draft: Draft;
  readonly submounts: Submounts;
}

/**
 * Takes out of the tree what recursive binds supply beside the mount that they are named for. What the host has there
 * stays as it is, locked or not: a mount of the tree at that place has to be the same.
 */
export function settleSubmounts(draft: Draft, facts: HostFacts, findings: Findings): Reduced {
  const { choices, tree } = draft;
  if (choices.recursive.size === 0) return { draft, submounts: NONE };
  const host = facts.hostMounts && new MountTree(facts.hostMounts);
  const found = new Map<number, readonly Submount[]>();
  const ids = newIds(draft);
  for (const id of choices.recursive) {
    const mount = tree.get(id) as Mount;
    const supply = draft.supplies.get(id);
    if (supply?.kind !== 'host') continue; // refused by the draft
    const fact = own(facts.sources, supply.source);
    const path = pathOf(fact);
    const top = fact?.mount && host?.get(fact.mount.id);
    if (!host || !top || !fact.mount || path === undefined) {
      findings.assume(`nothing is mounted below ${supply.source}`);
      continue;
    }
    const below = new Below(draft, findings, { mount, fact, path }, host, ids);
    below.take(top);
    if (below.taken.length === 0) continue;
    found.set(id, below.taken);
    requireAloneInGroup(draft, mount, supply.source, findings);
    requireNoMap(draft, mount, fact.mount, findings);
  }
  return { draft: without(draft, found), submounts: found };
}

/** Where nothing is mounted below, the bind is an ordinary one. */
function without(draft: Draft, found: Submounts): Draft {
  const brought = new Set<number>();
  for (const submounts of found.values())
    for (const { mount, wanted } of submounts) if (wanted) brought.add(mount.id);
  const tree = brought.size === 0 ? draft.tree : draft.tree.without(brought);
  const choices = { ...draft.choices, recursive: new Set(found.keys()) };
  const supplies = assignSupplies(tree, choices);
  return { ...draft, choices, tree, supplies, layout: layOut(tree, supplies) };
}

function newIds({ captured, tree }: Draft): () => number {
  let last = 0;
  for (const { mounts } of [captured, tree]) for (const { id } of mounts) last = Math.max(last, id);
  return () => {
    last += 1;
    return last;
  };
}

/** A recursive bind: the mount of the tree, and what supplies it, with the path without symlinks. */
interface Bind {
  readonly mount: Mount;
  readonly fact: SourceFact;
  readonly path: PathString;
}

/** A mount of the host that comes along, below which mount it will stand, and which mount of the tree that is. */
interface Pending {
  readonly host: Mount;
  readonly parentId: number;
  readonly parent: Mount | undefined;
}

/** What comes with one bind. */
class Below {
  readonly taken: Submount[] = [];
  readonly #places = new Set<PathString>();
  /** Of the mounts of the tree that come along. */
  readonly #children: Mount[] = [];
  readonly #byPlace = new Map<Mount, ReadonlyMap<PathString, Mount>>();
  readonly #hostPlacesOf = new Map<Mount, ReadonlySet<PathString>>();
  readonly #draft: Draft;
  readonly #findings: Findings;
  readonly #bind: Bind;
  readonly #host: MountTree;
  readonly #newId: () => number;

  constructor(draft: Draft, findings: Findings, bind: Bind, host: MountTree, newId: () => number) {
    this.#draft = draft;
    this.#findings = findings;
    this.#bind = bind;
    this.#host = host;
    this.#newId = newId;
  }

  take(top: Mount): void {
    const { mount, path } = this.#bind;
    const pending: Pending[] = [];
    const push = (hosts: readonly Mount[], parentId: number, parent: Mount | undefined) => {
      for (const host of hosts.toReversed())
        if (host !== top && this.#comes(host)) pending.push({ host, parentId, parent }); // facts may hold a cycle
    };
    const below = this.#host.childrenOf(top).filter(({ mountPoint }) => isInside(path, mountPoint));
    push(below, mount.id, mount);
    for (let next = pending.pop(); next; next = pending.pop()) {
      const wanted = this.#add(next);
      const added = this.taken.at(-1) as Submount;
      push(this.#host.childrenOf(next.host), added.mount.id, wanted);
    }
    this.#requirePlaces();
  }

  /** A recursive clone leaves unbindable mounts out; a copy of a namespace does not keep them unbindable, but no pins. */
  #comes({ propagation, type, root, mountPoint }: Mount): boolean {
    if (mountPoint === UNREACHABLE) return false; // it is seen when the tree is read back
    if (usesCopy(this.#draft.choices)) return type !== 'nsfs' || !root.startsWith('mnt:');
    return !propagation.unbindable;
  }

  /** The mount of the tree that it supplies. */
  #add({ host, parentId, parent }: Pending): Mount | undefined {
    const { mount, path } = this.#bind;
    const mountPoint = joinPath(mount.mountPoint, relativePath(path, host.mountPoint) ?? '');
    this.#places.add(mountPoint);
    const wanted = parent && this.#childAt(parent, mountPoint);
    if (wanted) this.#requireSame(wanted, host);
    const { uniqueId: _id, verbatim: _line, rootNode: _node, placeNode: _place, ...shown } = host;
    this.taken.push({
      mount: {
        ...shown,
        id: wanted?.id ?? this.#newId(),
        parentId,
        mountPoint,
        propagation: { ...wanted?.propagation, unbindable: false },
      },
      wanted: wanted !== undefined,
    });
    return wanted;
  }

  #childAt(parent: Mount, mountPoint: PathString): Mount | undefined {
    const children = this.#draft.tree.childrenOf(parent);
    const known = this.#byPlace.get(parent) ?? new Map(children.map((child) => [child.mountPoint, child]));
    this.#byPlace.set(parent, known);
    return known.get(mountPoint);
  }

  #requireSame(wanted: Mount, host: Mount): void {
    const { tree, choices } = this.#draft;
    const source = this.#bind.fact.path;
    const refuse = (why: string) => this.#refuse(wanted, why);
    const named = [choices.external, choices.slaves, choices.idmap, choices.fresh, choices.standIn];
    if (named.some((ids) => ids.has(wanted.id)) || choices.dev === wanted.id) {
      refuse(`is named by another option, and stands where the recursive bind of ${source} brings a mount`);
    } else if (!this.#showsTheSame(wanted, host)) {
      refuse(
        `shows ${wanted.root} of a ${wanted.type}, and the recursive bind of ${source} brings ${host.root} of ` +
          `a ${host.type} there`,
      );
    } else if (attributes(wanted) !== attributes(host)) {
      refuse(
        `is ${wanted.options.join(',')}, and what the recursive bind of ${source} brings there is ` +
          `${host.options.join(',')}: flags of what comes along cannot be changed`,
      );
    } else if (wanted.propagation.unbindable) {
      refuse(`is unbindable, which what the recursive bind of ${source} brings cannot become`);
    }
    for (const child of tree.childrenOf(wanted)) this.#children.push(child);
    const isAlone = requireAloneInGroup(this.#draft, wanted, source, this.#findings);
    if (!isAlone || wanted.propagation.shared === undefined) return;
    if (this.#isCovered(host))
      refuse(`is shared and covered, and out of reach in what the recursive bind of ${source} brings`);
    else if (host.kind === 'file')
      refuse(`is shared, and a file that the recursive bind of ${source} brings cannot become so`);
  }

  /** Of the filesystem that the bind itself supplies, what counts is the path in it. */
  #showsTheSame(wanted: Mount, host: Mount): boolean {
    const { mount, fact } = this.#bind;
    if (wanted.deleted !== host.deleted) return false;
    if (wanted.device !== mount.device) return wanted.type === host.type && wanted.root === host.root;
    return (
      host.device === fact.mount?.device &&
      relativePath(mount.root, wanted.root) === relativePath(fact.root ?? '/', host.root)
    );
  }

  /** By a mount on its root, or by one that hides its place or that of a mount which it stands on. */
  #isCovered(host: Mount): boolean {
    if (this.#hostPlaces(host).has(host.mountPoint)) return true;
    let at = host;
    for (let parent = this.#host.parentOf(at); parent; parent = this.#host.parentOf(at)) {
      const places = this.#hostPlaces(parent);
      for (let above = at.mountPoint; above !== '/' && isInside(parent.mountPoint, above); ) {
        above = parentPath(above);
        if (places.has(above)) return true;
      }
      if (parent.id === this.#bind.fact.mount?.id) return false;
      at = parent;
    }
    return false;
  }

  /** Where the host has mounts on one of its own that come along. */
  #hostPlaces(parent: Mount): ReadonlySet<PathString> {
    const known = this.#hostPlacesOf.get(parent);
    if (known) return known;
    const { path } = this.#bind;
    const coming = this.#host.childrenOf(parent).filter((child) => this.#comes(child));
    const places = coming.flatMap(({ mountPoint }) => (isInside(path, mountPoint) ? [mountPoint] : []));
    const set = new Set(places);
    this.#hostPlacesOf.set(parent, set);
    return set;
  }

  /** What the tree has on or behind what comes along, and does not come along itself. */
  #requirePlaces(): void {
    const { mount, path } = this.#bind;
    const ids = new Set(this.taken.map((submount) => submount.mount.id));
    const behind = this.#draft.tree.childrenOf(mount).filter((child) => this.#liesBehind(child));
    for (const child of [...this.#children, ...behind]) {
      if (!ids.has(child.id))
        this.#refuse(child, `stands on what the recursive bind of ${path} brings, which is left as it is`);
    }
  }

  #liesBehind({ mountPoint }: Mount): boolean {
    const { mount } = this.#bind;
    for (let at = mountPoint; at !== mount.mountPoint && at !== '/'; at = parentPath(at)) {
      if (this.#places.has(at)) return true;
    }
    return false;
  }

  #refuse(wanted: Mount, why: string): void {
    const { tree } = this.#draft;
    const skip = {
      ...skipCure(tree, wanted),
      effect: 'left out with all below it: what the host has stays there',
    };
    this.#findings.require({
      kind: 'source',
      mounts: [wanted],
      reason: `${nameOf(wanted)} ${why}`,
      cures: [skip, supplyCure(tree, this.#bind.mount)],
    });
  }
}

function attributes({ options }: Mount): number {
  return attributesOf(options) & MOUNT_ATTR_ALL;
}
