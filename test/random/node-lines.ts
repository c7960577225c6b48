import { type Mount, type NodeStatus, UNREACHABLE } from '../../lib/model/mount.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import type { Canonical } from './compare-raw.ts';

/** What is nowhere told of no restore can bring back: it is left out. */
export function unreachableTops(tree: MountTree): Mount[] {
  return tree.mounts.filter(
    (mount) => mount.mountPoint === UNREACHABLE && tree.parentOf(mount)?.mountPoint !== UNREACHABLE,
  );
}

/** The places of mounts of which only what is left out, or another mount on what is left out, may tell what they are. */
export function untoldPlaces(
  captured: readonly MountTree[],
  again: readonly MountTree[],
  { places }: Canonical,
): Set<string | undefined> {
  if (captured.every((tree) => unreachableTops(tree).length === 0)) return new Set();
  const unknown = again.flatMap((tree) => tree.mounts.filter(({ kind }) => kind === 'unknown'));
  return new Set(unknown.map(({ id }) => places.get(String(id))));
}

/**
 * What capture tells of roots and mount points, by the place of each mount, and of directories on the way, by the first
 * place of their filesystem. Deleted roots that are one are named by the first place that shows them.
 */
export function nodeLines(
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
