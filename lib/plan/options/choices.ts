import { UsageError } from '../../errors.ts';
import { type IdMap, type Mount, nameOf, type PathString } from '../../model/mount.ts';
import type { MountTree } from '../../model/tree.ts';
import type { Namespaces } from '../namespaces.ts';
import type { OtherNamespace, RestoreOptions, TargetName } from './options.ts';

/** Options with their targets found in the tree: by mount id. */
export interface Choices {
  readonly root: PathString | undefined;
  readonly external: ReadonlyMap<number, PathString>;
  readonly recursive: ReadonlySet<number>;
  readonly slaves: ReadonlyMap<number, PathString | true>;
  readonly shareSources: boolean;
  readonly ignoreHostPropagation: boolean;
  readonly fresh: ReadonlySet<number>;
  readonly freshAll: boolean;
  readonly standIn: ReadonlySet<number>;
  readonly standInAll: boolean;
  readonly skip: ReadonlySet<number>;
  readonly makeMountPoints: boolean;
  readonly dev: number | undefined;
  readonly idmap: ReadonlyMap<number, IdMap>;
  readonly at: PathString | undefined;
  /** It goes into a namespace that exists and is named; without `at`, as its new root. */
  readonly enters: boolean;
  readonly makeDestinationPrivate: boolean;
  readonly userNamespace: RestoreOptions['userNamespace'];
  readonly newNamespaces: ReadonlySet<OtherNamespace>;
  readonly engine: RestoreOptions['engine'];
}

/**
 * Finds the mounts that the options name.
 *
 * @throws UsageError when an option names a mount that is not there, when two of external, fresh, standIn and skip
 * (or root) name the same one, when `into` is no place, or when a host path is not absolute.
 */
export function chooseFrom(namespaces: Namespaces, options: RestoreOptions): Choices {
  const { main } = namespaces;
  const root = options.root;
  const external = targetMap(namespaces, 'external', options.external);
  const slaves = targetMap(namespaces, 'slaves', options.slaves);
  const fresh = targetSet(namespaces, 'fresh', options.fresh);
  const standIn = targetSet(namespaces, 'standIn', options.standIn);
  const skip = targetSet(namespaces, 'skip', options.skip);
  const { at, enters } = destinationOf(options);

  refuseTwice(namespaces.whole, { external, fresh, standIn, skip });
  const top = main.root;
  if (root !== undefined && top && [external, fresh, standIn, skip].some((named) => named.has(top.id))) {
    throw new UsageError(`root supplies ${nameOf(top)}, which another option names too: give one of them`);
  }
  if (top && skip.has(top.id))
    throw new UsageError('skip names the root mount: nothing would be left to restore');
  if ((at !== undefined || enters) && namespaces.count > 1) {
    throw new UsageError('into takes one mount tree, and these are several namespaces');
  }
  requireAbsolute('root', root);
  requireAbsolute('into.at', at);
  for (const path of external.values()) requireAbsolute('external', path);
  for (const path of slaves.values()) if (path !== true) requireAbsolute('slaves', path);

  return {
    root,
    external,
    recursive: targetSet(namespaces, 'recursive', options.recursive),
    slaves,
    shareSources: options.shareSources ?? false,
    ignoreHostPropagation: options.ignoreHostPropagation ?? false,
    fresh,
    freshAll: options.fresh === 'all',
    standIn,
    standInAll: options.standIn === 'all',
    skip,
    makeMountPoints: options.makeMountPoints ?? false,
    dev: options.dev === undefined ? undefined : findTarget(namespaces, 'dev', options.dev).id,
    idmap: targetMap(namespaces, 'idmap', options.idmap),
    at,
    enters,
    makeDestinationPrivate: options.makeDestinationPrivate ?? false,
    userNamespace: userNamespaceOf(options),
    newNamespaces: new Set(options.newNamespaces),
    engine: options.engine,
  };
}

/** As it was given. @throws {UsageError} for what is neither `self` nor maps. */
export function userNamespaceOf({
  userNamespace,
}: Pick<RestoreOptions, 'userNamespace'>): RestoreOptions['userNamespace'] {
  if (userNamespace === undefined || userNamespace === 'self') return userNamespace;
  const { uidMap, gidMap } = userNamespace ?? {};
  if (Array.isArray(uidMap) && Array.isArray(gidMap)) return userNamespace;
  throw new UsageError("userNamespace: it is 'self' or {uidMap, gidMap}, with lines INSIDE OUTSIDE LENGTH");
}

const NEW_KINDS: ReadonlySet<string> = new Set<OtherNamespace>(['pid', 'net', 'ipc', 'cgroup']);

/** Where the tree is attached. What is misspelled must not become a new namespace unnoticed. */
function destinationOf({ into, userNamespace, newNamespaces = [] }: RestoreOptions): {
  readonly at: PathString | undefined;
  readonly enters: boolean;
} {
  const unknown = newNamespaces.find((kind) => !NEW_KINDS.has(kind));
  if (unknown !== undefined) {
    throw new UsageError(`newNamespaces: ${JSON.stringify(unknown)} is none of ${[...NEW_KINDS].join(', ')}`);
  }
  const { at, namespace } = { at: undefined, namespace: undefined, ...into };
  if (into && namespace === undefined && at === undefined) throw new UsageError(INTO_USAGE);
  const enters = namespace !== undefined && namespace !== 'new';
  if (namespace === 'new' && at !== undefined) throw new UsageError(INTO_USAGE);
  if (enters && typeof namespace !== 'number' && typeof namespace !== 'object')
    throw new UsageError(INTO_USAGE);
  if ((enters || at !== undefined) && (userNamespace !== undefined || newNamespaces.length > 0)) {
    throw new UsageError(
      'into: a tree that goes where there is a namespace already is built in its user namespace: ' +
        'userNamespace and newNamespaces are for a new one',
    );
  }
  return { at, enters };
}

const INTO_USAGE =
  "into: it is {namespace: 'new'}, {at: DIR}, or {namespace: PID or MountNamespace} with or without at";

/** The mount that a target names: `#ID`, or the topmost mount at a mount point of the first namespace. */
function findTarget({ main, whole }: Namespaces, option: string, target: TargetName): Mount {
  const byId = /^#(\d+)$/.exec(target)?.[1];
  const found = byId === undefined ? main.at(target) : whole.get(Number(byId));
  if (found) return found;
  const hidden = whole.mounts.find((mount) => mount.mountPoint === target);
  if (hidden) {
    throw new UsageError(
      `${option}: the mount at ${target} is hidden, or in another namespace: name it as #${hidden.id}`,
    );
  }
  throw new UsageError(`${option}: the tree has no mount ${byId === undefined ? 'at ' : ''}${target}`);
}

function targetSet(
  namespaces: Namespaces,
  option: string,
  targets: readonly TargetName[] | 'all' | undefined,
): Set<number> {
  if (targets === undefined || targets === 'all') return new Set();
  return new Set(targets.map((target) => findTarget(namespaces, option, target).id));
}

function targetMap<T>(
  namespaces: Namespaces,
  option: string,
  targets: { readonly [target: TargetName]: T } | undefined,
): Map<number, T> {
  const map = new Map<number, T>();
  if (targets === undefined) return map;
  for (const target of Object.keys(targets)) {
    const { id } = findTarget(namespaces, option, target);
    if (map.has(id)) throw new UsageError(`${option}: ${target} names a mount that another key names too`);
    map.set(id, targets[target] as T);
  }
  return map;
}

/** What options say of mounts, by id. */
type Named = Pick<ReadonlyMap<number, unknown>, 'has' | 'size'> & { keys(): IterableIterator<number> };

function refuseTwice(tree: MountTree, options: { readonly [option: string]: Named }): void {
  const before: [option: string, named: Named][] = [];
  for (const [option, named] of Object.entries(options)) {
    if (before.length > 0) for (const id of named.keys()) refuseAgain(tree, id, option, before);
    if (named.size > 0) before.push([option, named]);
  }
}

function refuseAgain(
  tree: MountTree,
  id: number,
  option: string,
  before: readonly [option: string, named: Named][],
): void {
  const other = before.find(([, named]) => named.has(id))?.[0];
  if (other === undefined) return;
  throw new UsageError(`both ${other} and ${option} name ${nameOf(tree.get(id) as Mount)}: give one of them`);
}

function requireAbsolute(option: string, path: PathString | undefined): void {
  if (path === undefined || path.startsWith('/')) return;
  throw new UsageError(`${option}: ${JSON.stringify(path)} is not an absolute path`);
}
