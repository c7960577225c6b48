import { diffTrees } from '../../lib/model/diff.ts';
import { type Mount, UNREACHABLE } from '../../lib/model/mount.ts';
import { MountTree } from '../../lib/model/tree.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import { type Requirement, UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import { renderDifferences } from '../../lib/render/differences.ts';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { namespaceId } from '../../lib/system/capture/table.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import type { RestoredTree } from '../../lib/system/restore/restored.ts';
import { canonical, lineDifferences, readRaw } from './compare-raw.ts';
import { nodeLines, unreachableTops, untoldPlaces } from './node-lines.ts';
import type { Case } from './operation.ts';
import { probeCopies } from './probe.ts';
import { type Workshop, World } from './world.ts';

export const ENGINES = ['detached', 'yard'] as const;
export type Engine = (typeof ENGINES)[number];

/** What came of many cases. */
export class Tally {
  cases = 0;
  readonly counts = new Map<string, number>();

  add(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  toString(): string {
    const sorted = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([what, times]) => `  ${what}: ${times}`).join('\n');
  }
}

/** What was put to the test. */
function addFeatures(tree: MountTree, tally: Tally): void {
  for (const mount of tree.mounts) {
    const { shared, master, unbindable } = mount.propagation;
    const parent = tree.parentOf(mount);
    const features: readonly (readonly [string, boolean])[] = [
      ['mounts', true],
      ['mounts, of files', mount.kind === 'file'],
      ['mounts, shared', shared !== undefined],
      ['mounts, slaves', master !== undefined],
      ['mounts, shared slaves', shared !== undefined && master !== undefined],
      ['mounts, unbindable', unbindable],
      ['mounts, idmapped', mount.idmap !== undefined],
      ['mounts, deleted', mount.deleted],
      ['mounts, unreachable', mount.mountPoint === UNREACHABLE],
      ['mounts, with directories on the way', mount.directories !== undefined],
      ['mounts, on another mount', parent?.mountPoint === mount.mountPoint],
      ['mounts, over a root', parent?.mountPoint === '/' && mount.mountPoint === '/'],
      [
        'mounts, of what is nowhere mounted whole',
        !tree.superblocks.get(mount.device)?.some(({ root }) => root === '/'),
      ],
      ['mounts, with special nodes', mount.rootNode !== undefined || mount.placeNode !== undefined],
    ];
    for (const [feature, is] of features) if (is) tally.add(feature);
  }
}

/** A restored tree that is not the one captured, or a refusal that is no truth. */
class Finding extends Error {}

/** Makes a case's namespaces, restores them with each engine, and throws a {@link Finding} when one is not the same. */
export async function examine(
  test: Case,
  engines: readonly Engine[],
  workshop: Workshop,
  tally: Tally,
): Promise<void> {
  using world = new World(workshop, test.operations);
  tally.cases += 1;
  for (const [what, times] of world.refusals) tally.add(`kernel refused ${what}`, times);
  const namespaces = world.namespaces.slice(test.alone ? -1 : 0);
  const before = readRaw(namespaces, workshop);
  const captured = namespaces.map(({ fd }) => captureTree({ fd }));
  expectAllListed(namespaces, captured);
  tally.add(namespaces.length > 1 ? 'several namespaces' : 'one namespace');
  for (const tree of captured) addFeatures(tree, tally);
  if (hasTwinsDeleted(captured)) tally.add('two deleted roots of one path');
  const original: Original = { namespaces, captured, before };

  const restored: RestoredTree[] = [];
  try {
    for (const engine of engines) {
      const tree = await restore(original, engine, tally);
      if (!tree) continue;
      restored.push(tree);
      tally.add(`restored, ${engine}`);
      expectSame(original, tree, engine, workshop);
    }
    const after = canonical(readRaw(namespaces, workshop));
    expectNone('the original after the restore', lineDifferences(canonical(before).lines, after.lines));
    if (captured.some((tree) => unreachableTops(tree).length > 0)) {
      tally.add('left out what no path leads to'); // it keeps its parent from being unmounted
      return;
    }
    if (hasOutsideMasters(captured)) {
      tally.add('masters outside');
      return;
    }
    const sets = [namespaces, ...restored.map((tree) => tree.namespaces)];
    const outcome = probeCopies({ captured, choice: test.probe, sets, workshop });
    tally.add(`probe: ${outcome.what}`);
    expectNone('copies of what was mounted', outcome.differences);
  } finally {
    for (const tree of restored) tree.release();
  }
}

interface Original {
  readonly namespaces: readonly MountNamespace[];
  readonly captured: readonly MountTree[];
  readonly before: readonly string[];
}

async function restore(
  { captured }: Original,
  engine: Engine,
  tally: Tally,
): Promise<RestoredTree | undefined> {
  const skip = captured.flatMap(unreachableTops).map(({ id }) => `#${id}`);
  const options: RestoreOptions = { fresh: 'all', ignoreHostPropagation: true, engine, skip };
  const input = captured.length === 1 && captured[0] ? captured[0] : { namespaces: captured };
  try {
    return engine === 'detached' ? await restoreTree(input, options) : restoreTreeSync(input, options);
  } catch (error) {
    if (!(error instanceof UnmetRequirementsError)) {
      throw new Finding(`the ${engine} engine failed: ${error instanceof Error ? error.stack : error}`, {
        cause: error,
      });
    }
    for (const requirement of error.requirements) {
      const truth = TRUTHS.find((known) => known.holds(requirement, captured, engine));
      if (!truth) throw new Finding(`an unexpected refusal by the ${engine} engine:\n${error.message}`);
      tally.add(`library refused: ${truth.title}`);
    }
    return undefined;
  }
}

/** What cannot be restored, and why. */
const TRUTHS: readonly {
  readonly title: string;
  readonly holds: (requirement: Requirement, captured: readonly MountTree[], engine: Engine) => boolean;
}[] = [
  {
    title: 'the yard engine, several namespaces, an unbindable mount',
    holds: ({ kind, reason, mounts }, captured, engine) =>
      kind === 'engine' &&
      engine === 'yard' &&
      captured.length > 1 &&
      mounts.every((mount) => mount.propagation.unbindable) &&
      reason.includes('is unbindable, and the yard engine takes this tree out of the yard by a clone'),
  },
];

function expectSame(
  { captured, before }: Original,
  tree: RestoredTree,
  engine: Engine,
  workshop: Workshop,
): void {
  const by = `restored by the ${engine} engine`;
  expectNone(`verify, ${by}`, tree.differences.length > 0 ? [renderDifferences(tree.differences)] : []);

  const expected = withoutOutsideMasters(captured.map(withoutUnreachable));
  expectNone(
    `the captured trees, ${by}`,
    expected.flatMap((one, index) => {
      const found = diffTrees(one, tree.trees[index] as MountTree);
      return found.length > 0 ? [`namespace ${index}`, renderDifferences(found)] : [];
    }),
  );

  const raw = readRaw(tree.namespaces, workshop);
  const again = tree.namespaces.map(({ fd }) => captureTree({ fd }));
  const left = canonical(before, { dropOutsideMasters: true });
  // Under a covered root there may be masters that the text does not show.
  const covered = captured.some((tree) => tree.mounts.filter(isAtRoot).length > 1);
  const right = canonical(raw, { dropOutsideMasters: covered });
  expectNone(`the kernel's text, ${by}`, lineDifferences(left.lines, right.lines));
  expectNone(
    `shared with the original, ${by}`,
    [...right.numbers].filter((number) => left.numbers.has(number)),
  );
  const untold = untoldPlaces(captured, again, right);
  expectNone(
    `what roots and places are, ${by}`,
    lineDifferences(nodeLines(captured, left, untold), nodeLines(again, right, untold)),
  );
}

function hasTwinsDeleted(trees: readonly MountTree[]): boolean {
  const inodes = new Map<string, string | undefined>();
  return trees.some(({ mounts }) =>
    mounts.some(({ device, root, deleted, rootInode }) => {
      const path = `${device} ${root}`;
      if (deleted && !inodes.has(path)) inodes.set(path, rootInode);
      return deleted && inodes.get(path) !== rootInode;
    }),
  );
}

function withoutUnreachable(tree: MountTree): MountTree {
  return new MountTree(tree.mounts.filter(({ mountPoint }) => mountPoint !== UNREACHABLE));
}

/** Mounts that the kernel lists and the capture does not have. */
function expectAllListed(namespaces: readonly MountNamespace[], captured: readonly MountTree[]): void {
  captured.forEach((tree, index) => {
    const id = namespaceId((namespaces[index] as MountNamespace).fd) as bigint;
    const known = new Set(tree.mounts.map(({ uniqueId }) => uniqueId));
    const missing = sys.listmount('root', { namespace: id }).filter((mount) => !known.has(String(mount)));
    expectNone(`mounts of namespace ${index} that were not captured`, missing.map(String));
  });
}

function isAtRoot({ mountPoint }: Mount): boolean {
  return mountPoint === '/';
}

/** Then what is mounted may travel by groups that are not in the snapshot. */
function hasOutsideMasters(trees: readonly MountTree[]): boolean {
  const known = new Set(trees.flatMap((tree) => [...tree.groups.keys()]));
  return trees.some((tree) => [...tree.slaves.keys()].some((master) => !known.has(master)));
}

function withoutOutsideMasters(trees: readonly MountTree[]): MountTree[] {
  const known = new Set(trees.flatMap((tree) => [...tree.groups.keys()]));
  return trees.map((tree) =>
    tree.map((mount) => {
      const { master, propagateFrom: _, ...propagation } = mount.propagation;
      return master === undefined || known.has(master) ? mount : { ...mount, propagation };
    }),
  );
}

function expectNone(what: string, found: readonly string[]): void {
  if (found.length > 0) throw new Finding(`${what}:\n${found.join('\n')}`);
}
