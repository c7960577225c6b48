import type { HostFacts } from '../../model/facts.ts';
import { own } from '../../model/facts.ts';
import { type Mount, nameOf, type OwnedNode, type PathString } from '../../model/mount.ts';
import { parentPath } from '../../model/paths.ts';
import { givesItsGroup } from '../checks/nodes.ts';
import { filesystemRole, parametersInForce, splitOptions, takesNodes } from '../filesystems.ts';
import { endsReadOnly } from '../layout/deleted-roots.ts';
import { deviceSteps } from '../layout/devices.ts';
import { hostSource, type LayoutOrigin, mountOriginSource } from '../layout/layout-origin.ts';
import type { Resolution } from '../resolve.ts';
import { madeAs } from '../supply.ts';
import { standInSource } from '../target.ts';
import { NEEDED, type Script, type UnwordedStep } from './script.ts';
import type { ActionOf, NodeKind, Origin, OriginId, Step } from './steps.ts';

/** Makes each origin when it is first needed, with every directory and file that the tree needs in it. */
export class OriginSteps {
  readonly list: Origin[] = [];
  /** What is done to them when all is placed, and before what is deleted is. */
  readonly late: Step[] = [];
  readonly #ids: OriginId[];
  readonly #nodes: NodeKind[] = [];
  readonly #resolution: Resolution;
  readonly #facts: HostFacts;
  readonly #script: Script;

  /** @param ids by the index of the origin in the layout, which it fills. */
  constructor(resolution: Resolution, facts: HostFacts, ids: OriginId[], script: Script) {
    this.#resolution = resolution;
    this.#facts = facts;
    this.#ids = ids;
    this.#script = script;
  }

  /** The origin's id; makes it, for the sake of `mount`, when it is not there yet. */
  id(key: LayoutOrigin, mount: Mount): OriginId {
    const known = this.#ids[key.index];
    if (known !== undefined) return known;
    const id = this.list.length;
    this.#ids[key.index] = id;
    const source = hostSource(key);
    const wide = mountOriginSource(key);
    if (source !== undefined) this.#cloneSource(id, key, source, mount);
    else if (wide !== undefined) this.#cloneMountOf(id, wide, mount);
    else this.#makeFilesystem(id, key, mount);
    return id;
  }

  /** Whether the root of an origin is a directory or a file. */
  nodeOf(id: OriginId): NodeKind {
    return this.#nodes[id] ?? 'directory';
  }

  #makeFilesystem(id: OriginId, key: LayoutOrigin, mount: Mount): void {
    const { supplies, choices } = this.#resolution;
    const supply = supplies.get(mount.id);
    const origin: Origin =
      supply?.kind === 'stand-in'
        ? {
            kind: 'filesystem',
            type: 'tmpfs',
            source: standInSource(mount),
            parameters: [{ key: 'mode', value: '755' }],
            standInFor: mount.type,
          }
        : { kind: 'filesystem', type: mount.type, source: mount.source, parameters: this.#parameters(mount) };
    this.list.push(origin);
    this.#script.add({
      kind: 'make-filesystem',
      origin: id,
      mount: mount.id,
      reason: () => whyMade(mount, supply),
    });
    const closed = this.late.length;
    if (takesNodes(origin.type)) this.#makeNodes(id, key);
    const dev = choices.dev === undefined ? undefined : this.#resolution.layout.roots.get(choices.dev);
    if (dev?.origin === key) this.#script.addAll(deviceSteps(id, this.#resolution.kinds.paths(key)));
    if (!endsReadOnly(mount, supplies) || this.#resolution.deletedRoots.isReadOnly(key)) return;
    if (this.late.length > closed) this.late.push(readOnlyStep(id));
    else this.#script.add(readOnlyStep(id));
  }

  #parameters(mount: Mount) {
    const { tree, supplies } = this.#resolution;
    const { key, parameters } = splitOptions(madeAs(tree, supplies, mount));
    if (filesystemRole(mount.type) !== 'window') return parameters;
    const inForce = own(this.#facts.filesystems, key)?.superOptions;
    return inForce === undefined ? parameters : parametersInForce(inForce);
  }

  #makeNodes(id: OriginId, key: LayoutOrigin): void {
    const { kinds, deletedRoots, nodes } = this.#resolution;
    const paths = kinds.paths(key);
    const idmapped = this.#isIdmapped(key);
    const isPlain = !idmapped && !nodes.hasAny(key);
    if (isPlain && paths.length === 0) return; // only its root, and that as it is made
    if (isPlain && !deletedRoots.hasAny(key) && !givesItsGroup(this.#rootStatus(key)))
      this.#script.addNodes(id, paths, (path) => kinds.kindAt({ origin: key, path }));
    else this.#makeSpecialNodes(id, key, paths, idmapped);
  }

  #makeSpecialNodes(id: OriginId, key: LayoutOrigin, paths: readonly PathString[], idmapped: boolean): void {
    const { deletedRoots, nodes } = this.#resolution;
    const closes = (mode: number) => idmapped && (mode & SEARCH) === 0;
    const make = this.#nodeMaker(id, key, closes);
    const replaced = deletedRoots.inReplaced(key);
    const waits = deletedRoots.hasAny(key)
      ? new Set([...paths, ...replaced].flatMap((path) => this.#waiting(key, path)))
      : NONE;
    const inWaiting = new Set(replaced.map((path) => deletedRoots.builtPath(key, path)));
    for (const path of paths) {
      if (waits.has(path) || inWaiting.has(path)) continue;
      make(path, NEEDED);
      if (waits.size === 0) continue;
      for (const place of this.#waiting(key, path))
        make(place, 'it is to be deleted, and there is another of its name');
    }
    for (const path of inWaiting) make(path, 'it is to be deleted, and a file has the name of what it is in');
    for (const place of replaced.flatMap((path) => this.#waiting(key, path)))
      make(place, 'it is to be deleted, and there is another of its name');
    const root = nodes.at(key, '/');
    const reason = 'its root was changed after it was mounted';
    if (root)
      this.#script.add({ kind: 'make-node', origin: id, path: '/', node: 'directory', status: root, reason });
    const mode = this.#rootStatus(key)?.mode;
    if (mode !== undefined && closes(mode)) {
      this.#script.add({ kind: 'set-mode', origin: id, path: '/', mode: mode | SEARCH, reason: OPENED });
      this.#close(id, '/', mode);
    }
  }

  /**
   * Whether directories can bar their searcher from what is to be mounted in them: even root, seen through an idmapped
   * mount that shows no owner of it (inode_permission, fs/namei.c).
   */
  #isIdmapped(key: LayoutOrigin): boolean {
    const { choices, layout, tree } = this.#resolution;
    for (const { id, idmap } of tree.superblockOf(key.first)) {
      if ((idmap || choices.idmap.has(id)) && layout.roots.originOf(id) === key) return true;
    }
    return false;
  }

  #close(origin: OriginId, path: PathString, mode: number): void {
    this.late.push({ kind: 'set-mode', origin, path, mode, reason: 'all that is mounted in it is' });
  }

  /** Where deleted roots wait that had the name of a path. */
  #waiting(key: LayoutOrigin, path: PathString): PathString[] {
    const { deletedRoots } = this.#resolution;
    const place = deletedRoots.waitingPlace(key, path);
    return [...(place === undefined ? [] : [place]), ...deletedRoots.waitingOthers(key, path)];
  }

  #nodeMaker(
    origin: OriginId,
    key: LayoutOrigin,
    closes: (mode: number) => boolean,
  ): (path: PathString, reason: string) => void {
    const { kinds, nodes } = this.#resolution;
    const root = this.#rootStatus(key);
    return (path, reason) => {
      const node = kinds.kindAt({ origin: key, path });
      // What is made in a directory that gives its group says its own group and mode.
      const above = parentPath(path);
      const inherits = givesItsGroup(above === '/' ? root : nodes.at(key, above));
      const known = nodes.at(key, path) ?? (inherits ? ORDINARY[node] : undefined);
      const closed = known?.kind === 'directory' && closes(known.mode);
      const status = closed ? { ...known, mode: known.mode | SEARCH } : known;
      this.#script.add(
        status
          ? { kind: 'make-node', origin, path, node, status, reason }
          : { kind: 'make-node', origin, path, node, reason },
      );
      if (closed) this.#close(origin, path, known.mode);
    };
  }

  #rootStatus(key: LayoutOrigin): OwnedNode | undefined {
    const known = this.#resolution.nodes.at(key, '/');
    if (known) return known;
    const mode = this.#parameters(key.first).find((parameter) => parameter.key === 'mode')?.value;
    return mode === undefined ? undefined : { ...ORDINARY.directory, mode: Number.parseInt(mode, 8) };
  }

  /** Wider than any path that the caller named: only peer groups are started from it. */
  #cloneMountOf(id: OriginId, source: PathString, mount: Mount): void {
    const node = mountRootNode(this.#facts, source);
    const reason = () => `as wide as all that shares a peer group with ${nameOf(mount)}`;
    this.#pushClone({ kind: 'clone-source', origin: id, source, of: 'mount', node, mount: mount.id, reason });
  }

  #pushClone(step: UnwordedStep & ActionOf<'clone-source'>): void {
    this.list.push({ kind: 'host', source: step.source, of: step.of });
    this.#nodes[step.origin] = step.node;
    const idmapped = own(this.#facts.sources, step.source)?.mount?.options.includes('idmapped');
    this.#script.add(idmapped ? { ...step, clearsIdmap: true } : step);
  }

  #cloneSource(id: OriginId, key: LayoutOrigin, source: PathString, mount: Mount): void {
    const node = this.#resolution.kinds.kindAt({ origin: key, path: '/' });
    const reason = () =>
      `the host supplies ${nameOf(mount)}; the clone is private, so that nothing reaches the host`;
    const step = {
      kind: 'clone-source',
      origin: id,
      source,
      of: 'path',
      node,
      mount: mount.id,
      reason,
    } as const;
    this.#pushClone(this.#resolution.submounts.has(mount.id) ? { ...step, recursive: true } : step);
    for (const missing of this.#resolution.missingMountPoints.get(key) ?? []) {
      this.#script.add({
        kind: 'make-mount-point',
        mount: missing.mount.id,
        origin: id,
        path: missing.spot.path,
        node: this.#resolution.kinds.kindAt(missing.spot),
        reason: `${nameOf(missing.mount)} needs it`,
      });
    }
  }
}

/** The bit that lets everybody look names up in a directory (S_IXOTH). */
const SEARCH = 0o001;
const OPENED = 'so that what is mounted in it can be, through an idmapped mount';

const NONE: ReadonlySet<PathString> = new Set();

const ORDINARY: { readonly [kind in NodeKind]: OwnedNode } = {
  directory: { kind: 'directory', mode: 0o755, uid: 0, gid: 0 },
  file: { kind: 'file', mode: 0o644, uid: 0, gid: 0 },
};

/** The superblock itself becomes read-only when all that had to be created or deleted in it is. */
export function readOnlyStep(origin: OriginId): Step {
  return { kind: 'superblock-read-only', origin, reason: 'its superblock is read-only' };
}

/** What the root of the mount that a host path lies on is. */
export function mountRootNode(facts: HostFacts, source: PathString): NodeKind {
  const fact = own(facts.sources, source);
  return fact?.kind === 'file' && fact.root === fact.mount?.root ? 'file' : 'directory';
}

function whyMade(
  mount: Mount,
  supply: { readonly kind: string; readonly because?: string } | undefined,
): string {
  if (supply?.kind === 'stand-in')
    return `stands in for the ${mount.type} of ${nameOf(mount)}: ${supply.because}`;
  return `the ${mount.type} that ${nameOf(mount)} shows`;
}
