/** Puts what was resolved into the order in which the kernel can build it. */
import type { HostFacts } from '../model/facts.ts';
import type { Mount, PathString } from '../model/mount.ts';
import { joinPath } from '../model/paths.ts';
import type { MountTree } from '../model/tree.ts';
import { deletionSteps } from './deletion-steps.ts';
import { GroupSteps } from './group-steps.ts';
import { MountSteps } from './mount-steps.ts';
import type { Restorable } from './namespaces.ts';
import type { RestoreOptions } from './options.ts';
import { OriginSteps } from './origin-steps.ts';
import { chooseEngine } from './place-checks.ts';
import type { RestorePlan } from './plan.ts';
import { UnmetRequirementsError } from './requirements.ts';
import { type Resolution, resolve } from './resolve.ts';
import type { HostEffect, Step } from './steps.ts';
import { makeNotes, makeTarget } from './target.ts';

/**
 * Plans a restore of one mount tree, or of several namespaces together: pure, from the trees, the options and the
 * facts of a host.
 *
 * One walk, depth first: a mount is made from its superblock's origin and given its attributes, placed, and when its
 * own children are placed it is given its peer group and master. Until then it is private, so that nothing propagates. Nothing is visible until the last step attaches the whole tree.
 *
 * @throws MalformedTreeError for a tree that no kernel can hold; UsageError for options that contradict each other;
 * UnmetRequirementsError with all that is missing.
 */
export function planRestore(input: Restorable, options: RestoreOptions, facts: HostFacts): RestorePlan {
  const resolution = resolve(input, options, facts);
  if (resolution.requirements.length > 0) {
    throw new UnmetRequirementsError([...resolution.requirements, ...resolution.toRun]);
  }
  const built: Step[] = [];
  const origins = new OriginSteps(resolution, facts, built);
  const groups = new GroupSteps(resolution, facts, origins, built);
  const mounts = new MountSteps(resolution, origins, built);
  const { roots } = resolution.tree;

  buildTrees(resolution.tree, mounts, groups);
  const engine = chooseEngine(resolution.choices, facts) === 'yard' ? 'yard' : 'detached';
  const deletions = deletionSteps(resolution, origins);
  const finish = engine === 'yard' ? finishInYard : finishDetached;
  finish({ resolution, roots, groups, deletions, steps: built });
  const steps = engine === 'yard' ? hostStepsFirst(built) : built;

  return {
    engine,
    target: makeTarget(resolution, facts),
    origins: origins.list,
    steps,
    hostEffects: hostEffects(resolution, steps),
    notes: makeNotes(resolution, facts),
    unmetToRun: resolution.toRun,
    imports: imports(steps),
  };
}

/**
 * Each mount is made on the way down, and joins its group as soon as all that is mounted on it directly is in place:
 * what is mounted further down has other parents, and so does not propagate from it.
 */
function buildTrees(tree: MountTree, mounts: MountSteps, groups: GroupSteps): void {
  const waitingFor = new Map<Mount, number>();
  const joinWhenComplete = (mount: Mount | undefined, children: number) => {
    if (!mount) return;
    if (children > 0) waitingFor.set(mount, children);
    else if (tree.parentOf(mount)) groups.join(mount);
  };
  for (const mount of tree.walk()) {
    mounts.enter(mount);
    joinWhenComplete(mount, tree.childrenOf(mount).length);
    const parent = tree.parentOf(mount);
    joinWhenComplete(parent, parent ? (waitingFor.get(parent) ?? 0) - 1 : 0);
  }
}

/** What the last steps of a restore are made from. */
interface Ending {
  readonly resolution: Resolution;
  readonly roots: readonly Mount[];
  readonly groups: GroupSteps;
  readonly deletions: readonly Step[];
  readonly steps: Step[];
}

/**
 * A root's own group goes last where it becomes a root, because pivot_root(2) refuses a shared one; its holder is made
 * before, while host mounts can still be cloned.
 */
function finishDetached({ resolution, roots, groups, deletions, steps }: Ending): void {
  const { at } = resolution.choices;
  steps.push(...deletions);
  if (at !== undefined) {
    for (const root of roots) groups.join(root);
    attachAt(at, roots[0] as Mount, resolution, steps);
    return;
  }
  for (const root of roots) groups.prepare(root);
  becomeRoots(roots, groups, steps);
}

/**
 * In the yard the mounts are attached, so that what they hold on to cannot be deleted or renamed from within: that is
 * done from the caller's namespace, by fd. One tree can have the yard's namespace; of several each gets its own.
 */
function finishInYard({ resolution, roots, groups, deletions, steps }: Ending): void {
  const { at } = resolution.choices;
  if (at === undefined && roots.length === 1) {
    becomeRoot(roots[0] as Mount, 0, true, groups, steps);
    if (deletions.length > 0) steps.push(goHome(), ...deletions);
    return;
  }
  for (const root of roots) (at === undefined ? groups.prepare : groups.join).call(groups, root);
  const reason = 'an attached mount cannot leave its namespace, a clone of the tree can';
  roots.forEach((root, namespace) => {
    steps.push({ kind: 'lift', mount: root.id, namespace, reason });
  });
  steps.push(goHome(), ...deletions);
  if (at === undefined) becomeRoots(roots, groups, steps);
  else attachAt(at, roots[0] as Mount, resolution, steps);
}

function becomeRoots(roots: readonly Mount[], groups: GroupSteps, steps: Step[]): void {
  roots.forEach((root, namespace) => {
    if (namespace > 0) steps.push(goHome());
    becomeRoot(root, namespace, false, groups, steps);
  });
}

function becomeRoot(
  root: Mount,
  namespace: number,
  standing: boolean,
  groups: GroupSteps,
  steps: Step[],
): void {
  groups.prepare(root);
  const reason = standing
    ? 'the namespace of the yard becomes that of the tree'
    : 'a fresh mount namespace, where nothing propagates, takes the whole tree as its root';
  steps.push({ kind: 'become-root', mount: root.id, namespace, standing, reason });
  groups.join(root);
  const alone = 'nothing but the tree is left in the namespace';
  steps.push({ kind: 'drop-old-root', namespace, standing, reason: alone });
}

function goHome(): Step {
  return { kind: 'go-home', reason: 'what follows is done in the namespace of the caller' };
}

function attachAt(at: PathString, root: Mount, resolution: Resolution, steps: Step[]): void {
  if (resolution.choices.makeDestinationPrivate) {
    const reason = 'what is attached below a shared mount would become shared and be copied to its peers';
    steps.push({ kind: 'make-destination-private', at, reason });
  }
  steps.push({ kind: 'attach', mount: root.id, at, reason: 'the whole tree appears at once' });
}

/** What is taken of the host is taken before its namespace is left for the yard. */
function hostStepsFirst(steps: readonly Step[]): Step[] {
  const open: Step = {
    kind: 'open-yard',
    reason: 'a place that nobody else can see, for mounts that are not in place',
  };
  return [...steps.filter(isOfHost), open, ...steps.filter((step) => !isOfHost(step))];
}

function isOfHost(step: Step): boolean {
  return (
    step.kind === 'clone-source' ||
    step.kind === 'make-mount-point' ||
    step.kind === 'share-source' ||
    (step.kind === 'make-group' && step.followsHost)
  );
}

/** What the steps change outside the tree, in their order. */
function hostEffects(resolution: Resolution, steps: readonly Step[]): HostEffect[] {
  const effects: HostEffect[] = [];
  for (const step of steps) {
    if (step.kind === 'share-source') {
      effects.push({
        kind: step.kind,
        path: step.source,
        description: `the mount that ${step.source} is on becomes shared (MS_SHARED), and stays so`,
        undone: true,
      });
    } else if (step.kind === 'make-mount-point') {
      const supply = resolution.supplies.get(resolution.tree.get(step.mount)?.parentId ?? step.mount);
      const path = joinPath(supply?.kind === 'host' ? supply.source : '/', step.path);
      effects.push({
        kind: step.kind,
        path,
        description: `the ${step.node} ${path} is created, and stays`,
        undone: true,
      });
    } else if (step.kind === 'make-destination-private') {
      effects.push({
        kind: step.kind,
        path: step.at,
        description: `${step.at} is bound on itself and made private`,
        undone: true,
      });
    } else if (step.kind === 'attach') {
      effects.push({
        kind: step.kind,
        path: step.at,
        description: `the tree is attached at ${step.at} in the caller's namespace`,
        undone: true,
      });
    }
  }
  return effects;
}

/** The host paths that the steps use, each once. */
function imports(steps: readonly Step[]): RestorePlan['imports'] {
  const wanted = new Map<string, RestorePlan['imports'][number]>();
  const want = (path: string, of: 'path' | 'mount') => wanted.set(`${of}:${path}`, { path, of });
  for (const step of steps) {
    if (step.kind === 'clone-source') want(step.source, step.of);
    if (step.kind === 'share-source') want(step.source, 'mount');
    if (step.kind === 'make-group' && 'mountOf' in step.from) want(step.from.mountOf, 'mount');
  }
  return [...wanted.values()];
}
