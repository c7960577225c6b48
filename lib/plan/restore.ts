/** Puts what was resolved into the order in which the kernel can build it. */
import type { HostFacts } from '../model/facts.ts';
import type { Mount } from '../model/mount.ts';
import { joinPath } from '../model/paths.ts';
import type { MountTree } from '../model/tree.ts';
import { placingOrder } from '../model/tree.ts';
import { deletionSteps } from './deletion-steps.ts';
import { GroupSteps } from './group-steps.ts';
import { MountSteps } from './mount-steps.ts';
import type { RestoreOptions } from './options.ts';
import { OriginSteps } from './origin-steps.ts';
import type { RestorePlan } from './plan.ts';
import { UnmetRequirementsError } from './requirements.ts';
import { type Resolution, resolve } from './resolve.ts';
import type { HostEffect, Step } from './steps.ts';
import { makeNotes, makeTarget } from './target.ts';

/**
 * Plans a restore: pure, from the tree, the options and the facts of a host.
 *
 * One walk, depth first: a mount is made from its superblock's origin and given its attributes, placed, its children
 * placed, and on the way out it is given its peer group and master. Everything is private until its own children are
 * in, so that nothing propagates. Nothing is visible until the last step attaches the whole tree.
 *
 * @throws MalformedTreeError for a tree that no kernel can hold; UsageError for options that contradict each other;
 * UnmetRequirementsError with all that is missing.
 */
export function planRestore(tree: MountTree, options: RestoreOptions, facts: HostFacts): RestorePlan {
  const resolution = resolve(tree, options, facts);
  if (resolution.requirements.length > 0) {
    throw new UnmetRequirementsError([...resolution.requirements, ...resolution.toRun]);
  }
  const steps: Step[] = [];
  const origins = new OriginSteps(resolution, facts, steps);
  const groups = new GroupSteps(resolution, origins, steps);
  const mounts = new MountSteps(resolution, origins, steps);
  const root = resolution.tree.root as Mount;

  for (const { mount, leaving } of enterAndLeave(resolution.tree)) {
    if (!leaving) mounts.enter(mount);
    else if (mount !== root) groups.join(mount);
  }
  steps.push(...deletionSteps(resolution, origins));
  finish(resolution, root, groups, steps);

  return {
    target: makeTarget(resolution, facts),
    origins: origins.list,
    steps,
    hostEffects: hostEffects(resolution, steps),
    notes: makeNotes(tree, resolution, facts),
    unmetToRun: resolution.toRun,
    imports: imports(steps),
  };
}

/** Each mount twice: before its children and after them. */
function* enterAndLeave(tree: MountTree): Generator<{ mount: Mount; leaving: boolean }> {
  const stack = placingOrder(tree.roots)
    .reverse()
    .map((mount) => ({ mount, leaving: false }));
  for (let visit = stack.pop(); visit; visit = stack.pop()) {
    yield visit;
    if (visit.leaving) continue;
    stack.push({ mount: visit.mount, leaving: true });
    const children = placingOrder(tree.childrenOf(visit.mount));
    for (let i = children.length - 1; i >= 0; i -= 1)
      stack.push({ mount: children[i] as Mount, leaving: false });
  }
}

/**
 * The root's own group goes last where it becomes a root, because pivot_root(2) refuses a shared one; its holder is
 * made before, while host mounts can still be cloned.
 */
function finish(resolution: Resolution, root: Mount, groups: GroupSteps, steps: Step[]): void {
  const { at, makeDestinationPrivate } = resolution.choices;
  if (at === undefined) {
    groups.prepare(root);
    steps.push({
      kind: 'become-root',
      mount: root.id,
      reason: 'a fresh mount namespace, where nothing propagates, takes the whole tree as its root',
    });
    groups.join(root);
    return;
  }
  groups.join(root);
  if (makeDestinationPrivate) {
    steps.push({
      kind: 'make-destination-private',
      at,
      reason: 'what is attached below a shared mount would become shared and be copied to its peers',
    });
  }
  steps.push({ kind: 'attach', mount: root.id, at, reason: 'the whole tree appears at once' });
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
    if (step.kind === 'clone-source') want(step.source, 'path');
    if (step.kind === 'share-source') want(step.source, 'mount');
    if (step.kind === 'make-group' && 'mountOf' in step.from) want(step.from.mountOf, 'mount');
  }
  return [...wanted.values()];
}
