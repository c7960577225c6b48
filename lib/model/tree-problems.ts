import { type Mount, nameOf, UNREACHABLE } from './mount.ts';
import { hasOddComponent, isCleanAbsolute, isInside } from './paths.ts';
import type { Problem, ProblemCode } from './problems.ts';

/** What the kernel prints as the root of a namespace file: `net:[4026531833]` (of nsfs, and of proc before 3.19). */
const NAMED_INODE = /^[a-z_]+:\[\d+\]$/;
/** A cgroup above or beside the reader's cgroup namespace: `/..`, `/../../other`. */
const LEADING_DOTS = /^(?:\/\.\.)+(?=\/|$)/;

/** What of a tree is looked at. */
interface Family {
  readonly list: readonly Mount[];
  readonly size: number;
  readonly roots: readonly Mount[];
  readonly isForest: boolean;
  readonly groups: ReadonlyMap<number, readonly Mount[]>;
  readonly superblocks: ReadonlyMap<string, readonly Mount[]>;
  readonly inOrder: readonly Mount[];
  get(id: number): Mount | undefined;
  parentOf(mount: Mount): Mount | undefined;
  childrenOf(mount: Mount): readonly Mount[];
}

/** Every problem of a tree, in the order of `ProblemCode`. Linear in the number of mounts. */
export function findProblems(tree: Family): Problem[] {
  if (tree.size === 0) return [problem('empty', [], 'the table has no mount')];
  const duplicates = duplicateIds(tree);
  // A walk from the tops reaches each mount but those of a cycle, and what is on them.
  const isReached = duplicates.length === 0 && tree.inOrder.length === tree.size;
  return [
    ...duplicates,
    ...(isReached ? [] : cycles(tree)),
    ...severalTops(tree),
    ...samePlaces(tree),
    ...ofEach(tree, pathProblems),
    ...ofEach(tree, deletionProblems),
    ...superblockProblems(tree),
    ...groupProblems(tree),
    ...masterCycles(tree),
  ];
}

/** The problems of each mount, of which hardly any has one. */
function ofEach(tree: Family, problemsOf: (tree: Family, mount: Mount) => readonly Problem[]): Problem[] {
  const found: Problem[] = [];
  for (const mount of tree.list) {
    const problems = problemsOf(tree, mount);
    if (problems.length > 0) found.push(...problems);
  }
  return found;
}

const NONE: readonly Problem[] = [];

function problem(code: ProblemCode, mounts: readonly Mount[], reason: string): Problem {
  return { code, mounts, reason };
}

function listed(mounts: readonly Mount[]): string {
  const names = mounts.slice(0, 4).map(nameOf);
  if (mounts.length > names.length) names.push(`${mounts.length - names.length} more`);
  const last = names.pop() ?? '';
  return names.length === 0 ? last : `${names.join(', ')} and ${last}`;
}

function duplicateIds(tree: Family): Problem[] {
  const extra: Mount[] = [];
  for (const mount of tree.list) if (tree.get(mount.id) !== mount) extra.push(mount);
  return extra.map((mount) => {
    const both = [tree.get(mount.id) as Mount, mount];
    return problem('duplicate-id', both, `${listed(both)} have the same id`);
  });
}

function cycles(tree: Family): Problem[] {
  const found: Problem[] = [];
  const done = new Set<Mount>();
  for (const start of tree.list) {
    const path = new Set<Mount>();
    let mount: Mount | undefined = start;
    while (mount && !done.has(mount) && !path.has(mount)) {
      path.add(mount);
      mount = tree.parentOf(mount);
    }
    if (mount && path.has(mount)) {
      const members = [...path];
      const cycle = members.slice(members.indexOf(mount));
      found.push(
        problem('cycle', cycle, `${listed(cycle)} are each other's parents, so none can be reached`),
      );
    }
    for (const seen of path) done.add(seen);
  }
  return found;
}

function severalTops(tree: Family): Problem[] {
  const tops = tree.roots;
  if (tops.length < 2 || tree.isForest) return [];
  const own = tops.filter((mount) => mount.id === mount.parentId);
  if (own.length > 1) return [problem('two-roots', own, `${listed(own)} are each their own root`)];
  if (new Set(tops.map((mount) => mount.parentId)).size > 1) {
    const differing = [...new Map(tops.map((mount) => [mount.parentId, mount])).values()];
    const reason = `${listed(differing)} have no parent in the table, and not the same one (${differing
      .slice(0, 4)
      .map((mount) => mount.parentId)
      .join(', ')})`;
    return [problem('absent-parents', differing, reason)];
  }
  return [problem('two-roots', tops, `${listed(tops)} are all at the top, though one of them is at /`)];
}

function samePlaces(tree: Family): Problem[] {
  const found: Problem[] = [];
  const look = (siblings: readonly Mount[], parent?: Mount) => {
    if (siblings.length < 2 || areApart(siblings)) return;
    const where = parent ? `on ${nameOf(parent)}` : 'at the top';
    const first = new Map<string, Mount>();
    for (const mount of siblings) {
      if (mount.mountPoint === UNREACHABLE) continue;
      const other = first.get(mount.mountPoint);
      if (!other) first.set(mount.mountPoint, mount);
      else if (other.id !== mount.id) {
        found.push(
          problem('same-place', [other, mount], `${listed([other, mount])} have one place ${where}`),
        );
      }
    }
  };
  look(tree.roots);
  for (const parent of tree.list) look(tree.childrenOf(parent), parent);
  return found;
}

function areApart(siblings: readonly Mount[]): boolean {
  if (siblings.length === 2) return siblings[0]?.mountPoint !== siblings[1]?.mountPoint;
  const places = new Set<string>();
  for (const { mountPoint } of siblings) places.add(mountPoint);
  return places.size === siblings.length;
}

function placeProblems(tree: Family, mount: Mount): readonly Problem[] {
  const { mountPoint } = mount;
  if (!mountPoint.startsWith('/'))
    return [problem('relative-path', [mount], `the mount point of ${nameOf(mount)} does not start with /`)];
  if (!isCleanAbsolute(mountPoint)) {
    const reason = `the mount point of ${nameOf(mount)} has a component that is no name`;
    return [problem('dot-dot', [mount], reason)];
  }
  const parent = tree.parentOf(mount);
  if (!parent || isInside(parent.mountPoint, mountPoint) || !isCleanAbsolute(parent.mountPoint)) return NONE;
  const reason = `${nameOf(mount)} is not inside its parent, ${nameOf(parent)}`;
  return [problem('outside-parent', [mount, parent], reason)];
}

/** In characters: sixteen times what one call takes. What a path takes to build grows with its directories. */
const LONGEST_PATH = 65_536;

function pathProblems(tree: Family, mount: Mount): readonly Problem[] {
  if (mount.mountPoint.length > LONGEST_PATH || mount.root.length > LONGEST_PATH)
    return [
      problem('long-path', [mount], `mount ${mount.id} has a path of more than ${LONGEST_PATH} characters`),
    ];
  // Of one that no path leads to the kernel does not tell where it is.
  const isPlaced = mount.mountPoint !== UNREACHABLE || !tree.parentOf(mount);
  const ofPlace = isPlaced ? placeProblems(tree, mount) : NONE;
  const ofRoot = rootProblem(mount);
  return ofRoot ? [...ofPlace, ofRoot] : ofPlace;
}

function rootProblem(mount: Mount): Problem | undefined {
  const { root } = mount;
  if (root === '/') return undefined;
  if (!root.startsWith('/')) {
    if (NAMED_INODE.test(root)) return undefined;
    return problem('relative-path', [mount], `the root ${root} of ${nameOf(mount)} does not start with /`);
  }
  const shown = mount.type.startsWith('cgroup') ? root.replace(LEADING_DOTS, '') : root;
  if (!hasOddComponent(shown) && !shown.endsWith('/')) return undefined;
  return problem('dot-dot', [mount], `the root ${root} of ${nameOf(mount)} has a component that is no name`);
}

function deletionProblems(tree: Family, mount: Mount): readonly Problem[] {
  if (mount.deleted && mount.root === '/') {
    return [
      problem('deleted-whole', [mount], `${nameOf(mount)} shows a / that was deleted, which none can be`),
    ];
  }
  const parent = tree.parentOf(mount);
  if (!parent?.deleted || mount.mountPoint === UNREACHABLE) return NONE;
  const reason = `${nameOf(mount)} is mounted on ${nameOf(parent)}, whose root was deleted: that would have unmounted it`;
  return [problem('on-deleted', [mount, parent], reason)];
}

const haveOneType = (mount: Mount, other: Mount) => mount.type === other.type;
const areOnOneDevice = (mount: Mount, other: Mount) => mount.device === other.device;
const followOneMaster = (mount: Mount, other: Mount) => mount.propagation.master === other.propagation.master;

/** The first that differs from the one before all others. */
function firstOther(
  members: readonly Mount[],
  isAlike: (mount: Mount, other: Mount) => boolean,
): Mount | undefined {
  const first = members[0] as Mount;
  for (const mount of members) if (!isAlike(mount, first)) return mount;
  return undefined;
}

function superblockProblems(tree: Family): Problem[] {
  const found: Problem[] = [];
  for (const members of tree.superblocks.values()) {
    const other = firstOther(members, haveOneType);
    if (!other) continue;
    const first = members[0] as Mount;
    const both = [first, other];
    const reason = `${listed(both)} are on one device, ${first.device}, but of two types, ${first.type} and ${other.type}`;
    found.push(problem('superblock-types', both, reason));
  }
  return found;
}

function groupProblems(tree: Family): Problem[] {
  const found: Problem[] = [];
  for (const members of tree.groups.values()) {
    const first = members[0] as Mount;
    const group = first.propagation.shared;
    const elsewhere = firstOther(members, areOnOneDevice);
    if (elsewhere) {
      const both = [first, elsewhere];
      const reason = `${listed(both)} are in peer group ${group} but on two filesystems, ${first.device} and ${elsewhere.device}`;
      found.push(problem('group-superblocks', both, reason));
    }
    const other = firstOther(members, followOneMaster);
    if (other) {
      const reason = `${listed([first, other])} are in peer group ${group} but follow different masters`;
      found.push(problem('group-masters', [first, other], reason));
    }
  }
  return found;
}

function masterCycles(tree: Family): Problem[] {
  const masterOf = new Map<number, number>();
  for (const members of tree.groups.values()) {
    const { shared } = (members[0] as Mount).propagation;
    const master = masterOfAny(members);
    if (shared !== undefined && master !== undefined) masterOf.set(shared, master);
  }
  const found: Problem[] = [];
  const done = new Set<number>();
  for (const start of masterOf.keys()) {
    if (!masterOf.has(masterOf.get(start) as number)) continue; // most chains end with the first master
    const path = new Set<number>();
    let group: number | undefined = start;
    while (group !== undefined && !done.has(group) && !path.has(group)) {
      path.add(group);
      group = masterOf.get(group);
    }
    if (group !== undefined && path.has(group)) {
      const ring = [...path].slice([...path].indexOf(group));
      const mounts = ring.map((id) => tree.groups.get(id)?.[0] as Mount);
      const reason =
        ring.length === 1
          ? `${nameOf(mounts[0] as Mount)} is a slave of its own peer group ${group}`
          : `the peer groups ${ring.join(', ')} of ${listed(mounts)} are slaves of each other`;
      found.push(problem('master-cycle', mounts, reason));
    }
    for (const seen of path) done.add(seen);
  }
  return found;
}

function masterOfAny(members: readonly Mount[]): number | undefined {
  for (const { propagation } of members) if (propagation.master !== undefined) return propagation.master;
  return undefined;
}
