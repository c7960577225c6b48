/** What a plan takes from the host, and what it changes there. */
import type { HostFacts } from '../../model/facts.ts';
import type { PathString } from '../../model/mount.ts';
import { joinPath } from '../../model/paths.ts';
import { placeInCopy, usesCopy } from '../checks/copied-sources.ts';
import type { HostPath } from '../host-path.ts';
import type { Resolution } from '../resolve.ts';
import type { Script } from './script.ts';
import type { HostEffect } from './steps.ts';

/** What the steps change outside the tree, in their order. */
export function hostEffects(resolution: Resolution, script: Script): HostEffect[] {
  const effects: HostEffect[] = [];
  for (const step of script.writtenOut) {
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
        description: `${step.at} is bound on itself and made private, until the tree is released`,
        undone: true,
      });
    } else if (step.kind === 'attach') {
      effects.push({
        kind: step.kind,
        path: step.at,
        description: `the tree is attached at ${step.at} in the ${whoseNamespace(resolution)} namespace`,
        undone: true,
      });
    } else if (step.kind === 'replace-root') {
      effects.push({
        kind: step.kind,
        path: '/',
        description: 'the tree becomes the root of the namespace, and what was mounted there goes',
        undone: true,
      });
    }
  }
  return effects;
}

function whoseNamespace({ choices }: Resolution): string {
  return choices.enters ? 'named' : "caller's";
}

/** The host paths that the steps use, each once. */
export function hostPaths(script: Script, { choices }: Resolution, facts: HostFacts): HostPath[] {
  const wanted: HostPath[] = [];
  const known = { path: new Set<PathString>(), mount: new Set<PathString>() };
  const copied = usesCopy(choices);
  const want = (path: PathString, of: HostPath['of']) => {
    if (known[of].has(path)) return;
    known[of].add(path);
    wanted.push(copied ? { path, of, inCopy: placeInCopy(facts, path, of) } : { path, of });
  };
  for (const step of script.writtenOut) {
    if (step.kind === 'clone-source') want(step.source, step.of);
    if (step.kind === 'share-source') want(step.source, 'mount');
    if (step.kind === 'make-group' && step.from && 'mountOf' in step.from)
      want(step.from.mountOf, step.from.of);
  }
  return wanted;
}
