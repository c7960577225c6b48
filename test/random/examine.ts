import { diffTrees } from '../../lib/model/diff.ts';
import { type Mount, type NodeStatus, UNREACHABLE } from '../../lib/model/mount.ts';
import { MountTree } from '../../lib/model/tree.ts';
import type { RestoreOptions } from '../../lib/plan/options.ts';
import { type Requirement, UnmetRequirementsError } from '../../lib/plan/requirements.ts';
import { renderDifferences } from '../../lib/render/differences.ts';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture.ts';
import type { MountNamespace } from '../../lib/system/namespace.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore.ts';
import type { RestoredTree } from '../../lib/system/restored.ts';
import { namespaceId } from '../../lib/system/table.ts';
import { type Canonical, canonical, lineDifferences, readRaw } from './compare-raw.ts';
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
  const told = toldByWhatIsLeftOut(captured, left);
  expectNone(
    `what roots and places are, ${by}`,
    lineDifferences(nodeLines(captured, left, told), nodeLines(again, right, told)),
  );
}

/** The places of mounts that may be known as directories only because something that is left out is on them. */
function toldByWhatIsLeftOut(trees: readonly MountTree[], { places }: Canonical): Set<string | undefined> {
  const on = trees.flatMap((tree) => unreachableTops(tree).map(({ parentId }) => String(parentId)));
  return new Set(on.map((id) => places.get(id)));
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

/** What is nowhere told of no restore can bring back: it is left out. */
function unreachableTops(tree: MountTree): Mount[] {
  return tree.mounts.filter(
    (mount) => mount.mountPoint === UNREACHABLE && tree.parentOf(mount)?.mountPoint !== UNREACHABLE,
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

/**
 * What capture tells of roots and mount points, by the place of each mount, and of directories on the way, by the first
 * place of their filesystem. Deleted roots that are one are named by the first place that shows them.
 */
function nodeLines(
  trees: readonly MountTree[],
  { places }: Canonical,
  untold: ReadonlySet<string | undefined>,
): string[] {
  const placed = trees
    .flatMap(({ mounts }) => mounts)
    .flatMap((mount): [string, Mount][] => {
      // Elsewhere nothing is made or changed.
      if (mount.type !== 'tmpfs' && mount.type !== 'ramfs') return [];
      const place = places.get(String(mount.id));
      return place === undefined ? [] : [[place, mount]];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const first = new Map<string, string>();
  const firstPlace = (what: string, place: string) => {
    if (!first.has(what)) first.set(what, place);
    return first.get(what);
  };
  const lines = placed.flatMap(
    ([place, { kind, rootNode, placeNode, rootInode, directories = [], ...mount }]) => {
      const deleted = rootInode && firstPlace(`${mount.device} ${mount.root} ${rootInode}`, place);
      const shown = untold.has(place) ? 'whatever' : kind;
      const text = JSON.stringify([shown, withoutSetId(rootNode), withoutSetId(placeNode), deleted]);
      const filesystem = firstPlace(mount.device, place);
      const ways = directories.map(
        (way) => `in ${filesystem}: ${JSON.stringify(Object.entries(way).sort())}`,
      );
      return [`${place}: ${text}`, ...ways];
    },
  );
  return [...new Set(lines)];
}

/** What a snapshot may not ask for. */
function withoutSetId(node: NodeStatus | undefined): NodeStatus | undefined {
  return node && { ...node, mode: node.mode & (node.kind === 'directory' ? 0o3777 : 0o1777) };
}

function expectNone(what: string, found: readonly string[]): void {
  if (found.length > 0) throw new Finding(`${what}:\n${found.join('\n')}`);
}
