/** Puts what was resolved into the order in which the kernel can build it. */

import { NumberById } from '../model/by-id.ts';
import type { HostFacts } from '../model/facts.ts';
import type { Mount, PathString } from '../model/mount.ts';
import { atOnce, inStretches, type Pausing } from '../model/pausing.ts';
import type { MountTree } from '../model/tree.ts';
import { chooseEngine } from './checks/places.ts';
import { type Draft, draftRestore } from './draft.ts';
import { type GroupKey, Groups } from './groups/groups.ts';
import { chooseGroupStarts } from './groups/starts.ts';
import { findImages, type Images } from './layout/images.ts';
import type { LayoutOrigin } from './layout/layout-origin.ts';
import type { Restorable } from './namespaces.ts';
import type { RestoreOptions } from './options/options.ts';
import { UnmetRequirementsError } from './options/requirements.ts';
import { RestorePlan } from './plan.ts';
import { type Resolution, resolve } from './resolve.ts';
import { deletionSteps } from './steps/deletion-steps.ts';
import { GroupSteps } from './steps/group-steps.ts';
import { hostEffects, hostPaths } from './steps/host-effects.ts';
import { MountActions } from './steps/mount-actions.ts';
import { OriginSteps } from './steps/origin-steps.ts';
import { Script } from './steps/script.ts';
import type { Action, OriginId, Step } from './steps/steps.ts';
import { takersOf } from './steps/taken-origins.ts';
import { makeNotes, makeTarget } from './target.ts';

/** Mounts that are built between two pauses. */
const STRETCH = 1024;

/**
 * Plans a restore of one mount tree, or of several namespaces together: pure, from the trees, the options and the
 * facts of a host.
 *
 * One walk, depth first: a mount is made from its superblock's origin and given its attributes, placed, and when its
 * own children are placed it is given its peer group and master. Until then it is private, so that nothing
 * propagates. Nothing is visible until the last step attaches the whole tree.
 *
 * @throws MalformedTreeError for a tree that no kernel can hold; UsageError for options that contradict each other;
 * UnmetRequirementsError with all that is missing.
 */
export function planRestore(input: Restorable, options: RestoreOptions, facts: HostFacts): RestorePlan {
  return atOnce(planFrom(draftRestore(input, options), facts));
}

/** {@link planRestore}, from what tree and options alone decide, with pauses. */
export function* planFrom(draft: Draft, facts: HostFacts): Pausing<RestorePlan> {
  const resolution = yield* resolve(draft, facts);
  if (resolution.requirements.length > 0) {
    throw new UnmetRequirementsError([...resolution.requirements, ...resolution.toRun]);
  }
  const ends = resolution.tree.roots.map((root) => [root, ...sharedCover(resolution.tree, root)]);
  const last = new Set(ends.flat());
  const images = findImages(
    resolution.tree,
    resolution.layout,
    new Set([...last, ...idmapped(resolution), ...wholes(resolution)]),
  );
  const originIds: OriginId[] = [];
  const sharing = new Groups(resolution);
  const starts = chooseGroupStarts(resolution, sharing, images, last);
  const actions = new MountActions(resolution, originIds, images, sharing, starts);
  const built = new Script(resolution.tree, actions);
  const origins = new OriginSteps(resolution, facts, originIds, built);
  const groups = new GroupSteps(resolution, facts, origins, actions, starts, built);

  yield;
  yield* buildTrees({ resolution, ends: last, images, origins, groups, script: built });
  const engine = chooseEngine(resolution.choices, facts) === 'yard' ? 'yard' : 'detached';
  const deletions = [...origins.late, ...deletionSteps(resolution, origins)];
  const finish = engine === 'yard' ? finishInYard : finishDetached;
  finish({ resolution, ends, groups, deletions, script: built });
  const script = engine === 'yard' ? hostStepsFirst(built) : built;
  actions.setTakers(takersOf(script, actions, engine));

  return new RestorePlan({
    engine,
    hasOpenTreeAttr: facts.capabilities.calls.open_tree_attr === true,
    origins: origins.list,
    script,
    hostEffects: hostEffects(resolution, script),
    unmetToRun: resolution.toRun,
    imports: hostPaths(script, resolution, facts),
    makeTarget: () => makeTarget(resolution, facts),
    makeNotes: () => makeNotes(resolution, facts),
  });
}

/**
 * Each mount is made on the way down, and joins its group as soon as all that is mounted on it directly is in place:
 * what is mounted further down has other parents, and so does not propagate from it.
 */
function* buildTrees({ resolution, ends, images, origins, groups, script }: Building): Pausing<void> {
  const { tree, layout } = resolution;
  const waitingFor = new NumberById(tree.list);
  const joinWhenComplete = (mount: Mount, children: number) => {
    if (children > 0) waitingFor.set(mount.id, children);
    else if (!ends.has(mount)) groups.join(mount);
  };
  const build = (mount: Mount) => {
    if (images.inside.has(mount.id)) return;
    const parent = tree.parentOf(mount);
    const isImage = images.patterns.has(mount.id);
    const isMember = !isImage && groups.makeMember(mount);
    if (!isImage && !isMember) origins.id(layout.roots.originOf(mount.id) as LayoutOrigin, mount);
    if (!isMember) script.addFor(mount, isImage ? 'clone-image' : 'clone');
    if (parent) script.addFor(mount, 'place');
    if (!isImage && !isMember) joinWhenComplete(mount, tree.childrenOf(mount).length);
    if (parent) joinWhenComplete(parent, (waitingFor.get(parent.id) ?? 0) - 1);
  };
  const { inOrder } = tree;
  yield* inStretches(inOrder.length, STRETCH, (start, end) => {
    for (let index = start; index < end; index += 1) build(inOrder[index] as Mount);
  });
}

/** What the trees are built with. */
interface Building {
  readonly resolution: Resolution;
  /** Mounts that join their groups last. */
  readonly ends: ReadonlySet<Mount>;
  readonly images: Images;
  readonly origins: OriginSteps;
  readonly groups: GroupSteps;
  readonly script: Script;
}

/** The mounts that are given a map by an option. */
function idmapped({ choices, tree }: Resolution): Mount[] {
  return [...choices.idmap.keys()].flatMap((id) => tree.get(id) ?? []);
}

/** The mounts that come with others of the host. */
function wholes({ submounts, tree }: Resolution): Mount[] {
  return [...submounts.keys()].flatMap((id) => tree.get(id) ?? []);
}

/** A root, and with it the mount that covers it when that is shared: they join their groups last. */
type End = readonly Mount[];

/** The topmost mount on a root, if it is shared: pivot_root(2) puts the old root there, and refuses to if it is. */
function sharedCover(tree: MountTree, root: Mount): Mount[] {
  let top = root;
  for (let next: Mount | undefined = root; next; ) {
    top = next;
    next = tree.childrenOf(top).find(({ mountPoint }) => mountPoint === root.mountPoint);
  }
  return top === root || top.propagation.shared === undefined ? [] : [top];
}

/** What the last steps of a restore are made from. */
interface Ending {
  readonly resolution: Resolution;
  readonly ends: readonly End[];
  readonly groups: GroupSteps;
  readonly deletions: readonly Step[];
  readonly script: Script;
}

/**
 * A root's own group goes last where it becomes a root, because pivot_root(2) refuses a shared one; it is started
 * before, while host mounts can still be cloned: no group is started once a namespace is the tree's.
 */
function finishDetached({ resolution, ends, groups, deletions, script }: Ending): void {
  const { at } = resolution.choices;
  script.addAll(deletions);
  for (const mount of ends.flat()) (at === undefined ? groups.prepare : groups.join).call(groups, mount);
  settle({ resolution, ends, groups, deletions, script });
}

/** The finished, detached trees go where they are to go. */
function settle({ resolution, ends, groups, script }: Ending): void {
  const { at, enters } = resolution.choices;
  const [end = []] = ends;
  if (enters) script.add({ kind: 'enter-namespace', reason: 'the tree is for a namespace that exists' });
  if (at !== undefined) attachAt(at, end[0] as Mount, resolution, script);
  else if (enters) replaceRoot(end, resolution, groups, script);
  else becomeRoots(ends, groups, script);
}

function replaceRoot(end: End, resolution: Resolution, groups: GroupSteps, script: Script): void {
  const { leavesGroup, unshares } = resolution;
  const reason = 'the whole tree takes the place of the root, for all processes whose root that is';
  script.add({ kind: 'replace-root', mount: (end[0] as Mount).id, leavesGroup, reason });
  // Nothing can be taken back once the old root is gone; but what is unmounted on a shared mount goes from its peers.
  const early = end.length === 1 && !hasCovers(resolution.tree);
  if (early) for (const joining of end) groups.join(joining);
  const alone = 'nothing but the tree is left in the namespace';
  const holders: GroupKey[] = [];
  script.add({
    kind: 'drop-old-root',
    namespace: 0,
    standing: false,
    holders,
    replaced: true,
    ...(unshares && { unshares }),
    reason: alone,
  });
  if (!early) for (const joining of end) groups.join(joining);
}

/** Whether any mount lies on the root of another. */
function hasCovers(tree: MountTree): boolean {
  return tree.list.some((mount) => tree.parentOf(mount)?.mountPoint === mount.mountPoint);
}

/**
 * In the yard the mounts are attached, so that what they hold on to cannot be deleted or renamed from within: that is
 * done from the caller's namespace, by fd. One tree can have the yard's namespace; of several each gets its own. Groups
 * are started before, as in {@link finishDetached}.
 */
function finishInYard({ resolution, ends, groups, deletions, script }: Ending): void {
  const { at, enters } = resolution.choices;
  if (at === undefined && !enters && ends.length === 1) {
    for (const mount of ends.flat()) groups.prepare(mount);
    becomeRoot(ends[0] as End, 0, true, groups, script);
    if (deletions.length > 0) script.addAll([goHome(), ...deletions]);
    return;
  }
  for (const mount of ends.flat()) (at === undefined ? groups.prepare : groups.join).call(groups, mount);
  const reason = 'an attached mount cannot leave its namespace, a clone of the tree can';
  ends.forEach(([root, cover], namespace) => {
    const covered = at === undefined && cover ? { cover: cover.id } : {};
    script.add({ kind: 'lift', mount: (root as Mount).id, namespace, ...covered, reason });
  });
  script.addAll([goHome(), ...deletions]);
  settle({ resolution, ends, groups, deletions, script });
}

function becomeRoots(ends: readonly End[], groups: GroupSteps, script: Script): void {
  ends.forEach((end, namespace) => {
    if (namespace > 0) script.add(goHome());
    becomeRoot(end, namespace, false, groups, script);
  });
}

/** The old root goes before the new one joins its group: what is unmounted on a shared mount goes from its peers. */
function becomeRoot(
  end: End,
  namespace: number,
  standing: boolean,
  groups: GroupSteps,
  script: Script,
): void {
  const mount = (end[0] as Mount).id;
  const reason = standing
    ? 'the namespace of the yard becomes that of the tree'
    : 'a fresh mount namespace, where nothing propagates, takes the whole tree as its root';
  script.add({ kind: 'become-root', mount, namespace, standing, reason });
  const alone = 'nothing but the tree is left in the namespace';
  const holders = standing
    ? [...new Set(end.flatMap((joining) => groups.of(joining) ?? []))]
        .filter((group) => !groups.hasStart(group))
        .map(({ key }) => key)
    : [];
  script.add({ kind: 'drop-old-root', namespace, standing, holders, reason: alone });
  for (const joining of end) groups.join(joining);
}

function goHome(): Step {
  return { kind: 'go-home', reason: 'what follows is done in the namespace of the caller' };
}

function attachAt(at: PathString, root: Mount, resolution: Resolution, script: Script): void {
  if (resolution.choices.makeDestinationPrivate) {
    const reason = 'what is attached below a shared mount would become shared and be copied to its peers';
    script.add({ kind: 'make-destination-private', at, reason });
  }
  script.add({ kind: 'attach', mount: root.id, at, reason: 'the whole tree appears at once' });
}

/** What is taken of the host is taken before its namespace is left for the yard. */
function hostStepsFirst(script: Script): Script {
  const reason = 'a place that nobody else can see, for mounts that are not in place';
  return script.withFirst(isOfHost, { kind: 'open-yard', reason });
}

function isOfHost(step: Action): boolean {
  return (
    step.kind === 'clone-source' ||
    step.kind === 'make-mount-point' ||
    step.kind === 'share-source' ||
    (step.kind === 'make-group' && step.followsHost)
  );
}
