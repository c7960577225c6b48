import { MountError } from '../../errors.ts';
import { O } from '../../flags.ts';
import type { DestinationFact, PathFact, SourceFact } from '../../model/facts.ts';
import type { Mount, PathString } from '../../model/mount.ts';
import { joinPath, relativePath } from '../../model/paths.ts';
import type { MountTree } from '../../model/tree.ts';
import { errnoName } from '../calls/errno.ts';
import { failureOf } from '../calls/failure.ts';
import { type HeldFd, OwnedFd } from '../calls/fd.ts';
import { kindOfMode, lookUp, statFd, statOpen } from '../calls/lookup.ts';
import type { NativeStat } from '../calls/native.ts';
import { placeInside } from '../calls/other-namespaces.ts';
import { runSmallRaw, smallProgram } from '../calls/small-program.ts';
import { mountSetattr, openTree } from '../calls/tree.ts';
import type { MountNamespace } from '../namespaces/namespace.ts';
import type { HeldHost } from './held.ts';
import { isUncloneable, locksOf } from './locks.ts';
import { type OpenedPath, OpenedPaths, openHostPath } from './open-paths.ts';
import { SourceMounts } from './source-mounts.ts';

/** What the sources are looked at with. */
export interface SourceView {
  /** The caller's own mounts. */
  readonly host: MountTree;
  readonly held: HeldHost;
  /** Private clones can be made, to see what mounts cover. */
  readonly mayMount: boolean;
  /** Mounts may be locked, and are cloned where they are. */
  readonly mayBeLocked: boolean;
}

/**
 * Looks at host paths that the caller named, and at paths below each. The paths are the caller's own word and may lead
 * through symlinks of the host; what is below them may not. Their fds, and those of the roots of their mounts, go to
 * `held`.
 */
export function inspectSources(
  view: SourceView,
  sources: ReadonlyMap<PathString, ReadonlySet<PathString>>,
): { [path: PathString]: SourceFact } {
  const opened = new OpenedPaths([...sources.keys()]);
  view.held.keepPaths(opened);
  const mounts = new SourceMounts(view);
  const facts: { [path: PathString]: SourceFact } = {};
  let index = 0;
  for (const [path, below] of sources) {
    facts[path] = inspectSource(view, mounts, path, below, opened.at(index));
    index += 1;
  }
  return facts;
}

function inspectSource(
  view: SourceView,
  mounts: SourceMounts,
  path: PathString,
  below: ReadonlySet<PathString>,
  opened: OpenedPath | number,
): SourceFact {
  if (typeof opened === 'number') {
    const error = errnoName(opened);
    return { path, kind: error === 'ENOENT' ? 'absent' : 'unknown', error, paths: {} };
  }
  const { status } = opened;
  if (typeof status === 'number') return { path, kind: 'unknown', error: errnoName(status), paths: {} };
  const kind = kindOfMode(status.mode);
  const paths = lookBelow(view, opened.number, below);
  const mount = view.host.get(status.mountId);
  const real = mount && realPath(view, path, opened);
  const place = mount && real && relativePath(mount.mountPoint, real);
  if (!mount || !real || place === undefined) return { path, kind, paths };
  const { identity } = status;
  const root = status.mountRoot ? { fd: opened, identity } : mounts.rootOf(mount, opened.number);
  const fact: { -readonly [field in keyof SourceFact]: SourceFact[field] } = {
    path,
    kind,
    root: joinPath(mount.root, place),
    mount,
    mountRootReachable: root !== undefined,
    submounts: mounts.hasMountsBelow(mount, real),
    identity,
    paths,
  };
  if (root) fact.mountRootIdentity = root.identity;
  if (view.mayBeLocked) fact.locks = locksOf(opened.number, root?.fd.number, mount);
  return fact;
}

/** Looks at the place where a tree is to be attached; its fd goes to `held`. */
export function inspectDestination(view: SourceView, path: PathString): DestinationFact {
  const fd = openHostPath(path);
  if (typeof fd === 'string') return { path, kind: fd === 'ENOENT' ? 'absent' : 'unknown', error: fd };
  view.held.keepDestination(fd);
  const status = statOrErrno(fd);
  if (typeof status === 'string') return { path, kind: 'unknown', error: status };
  const mount = view.host.get(Number(status.mountId));
  return { path, kind: kindOfMode(status.mode), ...(mount && { mount }) };
}

/** The same in another namespace, which a thread or a process of its own enters to look. */
export function inspectDestinationInside(
  held: HeldHost,
  target: MountNamespace,
  path: PathString,
): DestinationFact {
  const opening = smallProgram({ exports: [path] }, (program) => {
    program.op('openat2', { s1: path, f1: O.PATH | O.CLOEXEC, out: 0 });
  });
  const owner = target.idMap && { idMap: target.idMap };
  const result = runSmallRaw(opening, [], placeInside(target.others, { mount: target.fd }));
  if (result.status !== 'done') {
    if (result.op < 0) throw failureOf(opening.program, result, () => ({ subject: 'the namespace' }));
    const error = errnoName(result.errno);
    return { path, kind: error === 'ENOENT' ? 'absent' : 'unknown', error, ...owner };
  }
  const fd = new OwnedFd(result.exports[0] ?? -1, path);
  held.keepDestination(fd);
  const status = statFd(fd.number);
  if (!status) return { path, kind: 'unknown', ...owner };
  const table = target.capture();
  const mount = table.get(Number(status.mountId));
  const hasSharing =
    table.mounts.some((other) => other !== mount && isSharing(other)) && ({ hasSharing: true } as const);
  return { path, kind: kindOfMode(status.mode), ...owner, ...hasSharing, ...(mount && { mount }) };
}

function isSharing({ propagation: { shared, master } }: Mount): boolean {
  return shared !== undefined || master !== undefined;
}

/** What it is, or the errno's name. */
function statOrErrno(fd: OwnedFd): NativeStat | string {
  try {
    return statOpen(fd);
  } catch (error) {
    if (error instanceof MountError) return error.code;
    throw error;
  }
}

/** The path of an open file without symlinks; `undefined` when it is deleted or out of reach. */
function realPath({ held }: SourceView, path: PathString, opened: OpenedPath): PathString | undefined {
  if (opened.isReal) return path;
  const real = held.procfs.readLink('thread-self/fd', String(opened.number));
  return isSameFile(real, opened) ? real : undefined;
}

/** /proc words a deleted file `/a (deleted)`, which may also be a file's real name. */
function isSameFile(real: PathString, fd: HeldFd): boolean {
  if (!real.endsWith(' (deleted)')) return real.startsWith('/');
  const other = openHostPath(real);
  if (typeof other === 'string') return false;
  using named = other;
  const [left, right] = [statFd(named.number), statFd(fd.number)];
  return left?.inode === right?.inode && left?.device === right?.device && left?.mountId === right?.mountId;
}

const NOTHING: { readonly [path: PathString]: PathFact } = Object.freeze({});

/** What is at each path; where a mount covers it, seen in a private clone of the mount without its children. */
function lookBelow(
  view: SourceView,
  fd: number,
  below: ReadonlySet<PathString>,
): { readonly [path: PathString]: PathFact } {
  if (below.size === 0) return NOTHING;
  let clone: OwnedFd | undefined;
  const facts = Array.from(below, (path): [PathString, PathFact] => {
    let fact = lookUp(fd, path);
    if (fact === 'covered' && view.mayMount) {
      clone ??= cloneAlone(fd);
      if (clone) fact = lookUp(clone.number, path);
    }
    return [path, fact === 'covered' ? 'unknown' : fact];
  });
  clone?.close();
  return Object.fromEntries(facts);
}

function cloneAlone(fd: number): OwnedFd | undefined {
  let clone: OwnedFd | undefined;
  try {
    clone = openTree(fd, ['CLONE']);
    mountSetattr(clone, { propagation: 'PRIVATE' });
    return clone;
  } catch (error) {
    clone?.close();
    if (isUncloneable(error)) return undefined;
    throw error;
  }
}
