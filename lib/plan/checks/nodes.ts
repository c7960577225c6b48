/**
 * What the tree's own filesystems hold, where a snapshot tells: modes, owners, FIFOs, sockets, symlinks, devices.
 *
 * A snapshot is untrusted. Nothing of it becomes setuid or setgid but directories, where setgid means inheritance; of
 * devices only those that every container has are made; and a symlink is never on the way to anything, because what is
 * needed below a path makes it a directory.
 */
import type { HostFacts } from '../../model/facts.ts';
import { isMappedInside } from '../../model/id-maps.ts';
import {
  type DirectoryStatus,
  type Mount,
  type NodeStatus,
  nameOf,
  type OwnedNode,
  type PathString,
} from '../../model/mount.ts';
import { isOwned } from '../../model/nodes.ts';
import { joinPath, relativePath } from '../../model/paths.ts';
import { takesNodes } from '../filesystems.ts';
import { DEFAULT_DEVICES, mayMakeDevices } from '../layout/devices.ts';
import type { Spot } from '../layout/layout.ts';
import type { LayoutOrigin } from '../layout/layout-origin.ts';
import { mappedIds } from '../mapped-ids.ts';
import type { Choices } from '../options/choices.ts';
import { skipCure, standInCure, supplyCure } from '../options/cures.ts';
import type { Findings } from '../options/findings.ts';
import type { SettledLayout } from './deletions.ts';
import { buildsInUserNamespace } from './places.ts';

const SET_ID = 0o6000;
const SETGID = 0o2000;

/** A node that is not made as it was captured. */
export interface ChangedNode {
  readonly mount: Mount;
  readonly because: string;
}

export interface Nodes {
  /** What is to be at a path of an origin while the tree is built; `undefined` for what is ordinary, or not known. */
  at(origin: LayoutOrigin, path: PathString): OwnedNode | undefined;
  /** Whether anything is known of any path of an origin. */
  hasAny(origin: LayoutOrigin): boolean;
  readonly changed: readonly ChangedNode[];
}

interface Scene extends SettledLayout {
  readonly choices: Choices;
  readonly facts: HostFacts;
  readonly findings: Findings;
}

/** Settles what each path is to be; requires what cannot be made. */
export function settleNodes(scene: Scene): Nodes {
  const known = new Map<LayoutOrigin, Map<PathString, OwnedNode | undefined>>();
  const changed: ChangedNode[] = [];
  const learn = (
    mount: Mount,
    holder: Mount,
    spot: Spot | undefined,
    node: NodeStatus | undefined,
    gone: boolean,
  ) => {
    if (!spot || !node) return;
    const built = gone ? scene.deletedRoots.spotOf(mount, spot) : spot;
    const paths = known.get(built.origin) ?? new Map<PathString, OwnedNode | undefined>();
    known.set(built.origin, paths);
    if (!paths.has(built.path))
      paths.set(built.path, settle(scene, { mount, holder, spot, built, node }, changed));
  };
  const { roots, places } = scene.layout;
  const learnWays = (mount: Mount, directories: readonly DirectoryStatus[]) => {
    const root = roots.get(mount.id);
    for (const { path, ...status } of root ? directories : []) {
      const below = relativePath(mount.root, path);
      if (!root || !below) continue;
      const spot = { origin: root.origin, path: joinPath(root.path, below) };
      if (scene.kinds.known(spot)) learn(mount, mount, spot, { kind: 'directory', ...status }, false);
    }
  };
  const told = scene.tree.inOrder.filter(tellsNodes);
  /** Of the nodes whose owners are known, or of the others; whether there are others. */
  const learnAll = (owned: boolean): boolean => {
    let others = false;
    const isMeant = (node: Pick<NodeStatus, 'uid' | 'gid'>): boolean => {
      const meant = isOwned(node) === owned;
      others ||= !meant;
      return meant;
    };
    for (const mount of told) {
      const { rootNode, placeNode, directories } = mount;
      const parent = scene.tree.parentOf(mount);
      if (rootNode && isMeant(rootNode)) learn(mount, mount, roots.get(mount.id), rootNode, mount.deleted);
      if (parent && placeNode && isMeant(placeNode))
        learn(mount, parent, places.get(mount.id), placeNode, false);
      if (directories) learnWays(mount, directories.filter(isMeant));
    }
    return others;
  };
  // The owners that an idmapped mount does not show, another may.
  if (learnAll(true)) learnAll(false);
  return {
    at: (origin, path) => known.get(origin)?.get(path),
    hasAny: (origin) => known.has(origin),
    changed,
  };
}

function tellsNodes({ rootNode, placeNode, directories }: Mount): boolean {
  return rootNode !== undefined || placeNode !== undefined || directories !== undefined;
}

/** Whether what is made in the directory inherits its group. */
export function givesItsGroup(node: NodeStatus | undefined): boolean {
  return node !== undefined && (node.mode & SETGID) !== 0;
}

interface Captured {
  readonly mount: Mount;
  /** The mount that shows the filesystem that the node is in. */
  readonly holder: Mount;
  readonly spot: Spot;
  /** Where it is while the tree is built. */
  readonly built: Spot;
  readonly node: NodeStatus;
}

function settle(scene: Scene, captured: Captured, changed: ChangedNode[]): OwnedNode | undefined {
  const { mount, holder, spot, built, node } = captured;
  const supply = scene.supplies.get(holder.id);
  const standIn = supply?.kind === 'stand-in';
  if (!standIn && !(supply?.kind === 'fresh' && takesNodes(holder.type))) return undefined;
  // Its root is that of another filesystem, and its devices are plain files.
  if (standIn && (spot.path === '/' || node.device !== undefined)) return undefined;
  if ((node.kind === 'directory') !== (scene.kinds.kindAt(built) === 'directory')) return undefined;
  if (node.kind === 'symlink' && node.target === undefined) return undefined;
  if (node.kind === 'character' || node.kind === 'block') {
    const why = deviceObstacle(scene, node);
    if (why !== undefined) {
      requireDevice(scene, captured, why);
      return undefined;
    }
  }
  const kept = node.kind === 'directory' ? 0o3777 : 0o1777;
  if (node.kind === 'file' && (node.mode & SET_ID) !== 0)
    changed.push({
      mount,
      because: `${spot.path} is not made setuid or setgid again, as a snapshot could ask for it`,
    });
  return { ...node, mode: node.mode & kept, ...ownersOf(scene, captured, changed) };
}

function deviceObstacle({ choices, facts }: Scene, { kind, device }: NodeStatus): string | undefined {
  if (kind !== 'character' || !DEFAULT_DEVICES.has(device ?? ''))
    return `a ${kind} device ${device ?? ''}, which no snapshot can have made`;
  if (buildsInUserNamespace(choices, facts) || !mayMakeDevices(facts))
    return `the device ${device}, which no user namespace can make`;
  return undefined;
}

function requireDevice({ tree, findings }: Scene, { mount, holder, spot }: Captured, what: string): void {
  findings.require({
    kind: 'device-nodes',
    mounts: [mount],
    reason: `${nameOf(mount)} needs ${spot.path} of the ${holder.type}, ${what}`,
    cures: [supplyCure(tree, holder), standInCure(tree, holder), skipCure(tree, mount)],
  });
}

type Owners = Pick<OwnedNode, 'uid' | 'gid'>;

/** Those that no mount showed when the tree was captured are left to root. */
function knownOwners(spot: Spot, mount: Mount, { uid, gid }: NodeStatus, changed: ChangedNode[]): Owners {
  const hidden = [...(uid === undefined ? ['user'] : []), ...(gid === undefined ? ['group'] : [])];
  if (hidden.length > 0) {
    const owners = hidden.join(' and ');
    changed.push({
      mount,
      because: `the owning ${owners} of ${spot.path} is root: only an idmapped mount showed it, and its map hides others`,
    });
  }
  return { uid: uid ?? 0, gid: gid ?? 0 };
}

/** In a user namespace only ids that are mapped can own anything; others are left to its root. */
function ownersOf(
  { choices, facts, findings }: Scene,
  { mount, spot, node }: Captured,
  changed: ChangedNode[],
): Owners {
  const { uid, gid } = knownOwners(spot, mount, node, changed);
  const map = mappedIds(choices.userNamespace, facts);
  if (!map) {
    const inside = facts.capabilities.privileges.inUserNamespace;
    if (inside && (uid !== 0 || gid !== 0)) findings.assume(`uid ${uid} and gid ${gid} are mapped here`);
    return { uid, gid };
  }
  const mapped = { uid: isMappedInside(map.uid, uid), gid: isMappedInside(map.gid, gid) };
  if (!mapped.uid || !mapped.gid) {
    const ids = [...(mapped.uid ? [] : [`uid ${uid}`]), ...(mapped.gid ? [] : [`gid ${gid}`])].join(' and ');
    changed.push({
      mount,
      because: `${spot.path} is left to root: ${ids} is not mapped in the user namespace`,
    });
  }
  return { uid: mapped.uid ? uid : 0, gid: mapped.gid ? gid : 0 };
}
