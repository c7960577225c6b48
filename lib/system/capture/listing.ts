import { CLONE, O } from '../../flags.ts';
import { isIdmapped, type Mount, type MountDraft } from '../../model/mount.ts';
import { inStretches, type Pausing } from '../../model/pausing.ts';
import type { MountTree } from '../../model/tree.ts';
import { type Fd, fdNumber, type OwnedFd } from '../calls/fd.ts';
import { statFd } from '../calls/lookup.ts';
import { native } from '../calls/native.ts';
import { runSmall, smallProgram } from '../calls/small-program.ts';
import { decodeStatmount, type MountStatus, STATMOUNT } from '../calls/statmount.ts';
import { Briefs } from './briefs.ts';
import { withHidden } from './hidden.ts';
import { MOUNT_MASK, mountOfStatus, readMount } from './statmount-mount.ts';

/** Which namespace it is, as far as that is known. */
export interface TableOptions {
  /** Its file and the root directory that the mountinfo is read under; none for the caller's own. */
  readonly namespace?: Fd | undefined;
  readonly root?: Fd | undefined;
  /** Reads mounts, too, that are hidden from the reader because another mount covers the root of the namespace. */
  readonly whole?: boolean;
}

/** Looked at between two pauses. */
const STRETCH = 512;
const LSMT_ROOT = -1n;
const MASK = BigInt(STATMOUNT.MNT_BASIC | STATMOUNT.MNT_UIDMAP | STATMOUNT.MNT_GIDMAP);

/** The mounts of a namespace at one moment. */
export interface Listing {
  /** The 64-bit id of the namespace; 0 for the caller's own. */
  readonly namespace: bigint;
  readonly ids: BigUint64Array;
}

/**
 * Lists the mounts of a namespace from outside, where nothing is hidden. None when its root is older than the place it
 * is mounted on: the kernel does not find such a root (ENOENT; fs/namespace.c, grab_requested_root).
 */
export function listMounts(namespace: bigint): Listing {
  const ids = native.sys.listmount(LSMT_ROOT, namespace, 0);
  return { namespace, ids: typeof ids === 'number' ? new BigUint64Array(0) : ids };
}

/** A tree, and how many mounts of the namespace were come by to complete it; 0 when the kernel showed none. */
interface Completed {
  readonly tree: MountTree;
  readonly found: number;
  /** Peer groups and masters as they were a moment later, where that was seen by the way. */
  readonly sharing?: Int32Array;
}

/** Fills in what was listed of the mounts shown, and adds those that are not shown. */
export function* completeTable(
  shown: MountTree,
  listing: Listing,
  options: TableOptions,
): Pausing<Completed> {
  const found = listing.ids.length;
  const isZipped = found > 0 && (yield* zip(shown, listing));
  const listed = isZipped || found === 0 ? shown : yield* complete(shown, listing, options);
  if (found > 0 && !(options.whole && lacksMounts(listed, listing, options))) return { tree: listed, found };
  return (yield* completeInside(shown, options)) ?? { tree: listed, found };
}

/** As {@link complete}, by threads that enter the namespace; `undefined` when they may not. */
function* completeInside(shown: MountTree, options: TableOptions): Pausing<Completed | undefined> {
  const { namespace, root } = options;
  if (namespace === undefined || root === undefined) return undefined;
  const briefs = yield* Briefs.inside(namespace, root);
  if (!briefs) return undefined;
  if (yield* zipBriefs(shown, briefs)) return { tree: shown, found: briefs.count, sharing: briefs.sharing };
  const inside = yield* statusesInside(namespace, root, briefs.ids);
  if (!inside) return undefined;
  const others = fillTold(shown, inside);
  const hidden = others.map(mountOfStatus).filter((mount) => mount !== undefined);
  const found = inside.length;
  if (hidden.length === 0) return { tree: shown, found };
  return { tree: withHidden(shown, { atTop: isTopmost(options), others: hidden }), found };
}

/**
 * Mountinfo and listmount(2) go through the namespace in one order, so that of as many ids as lines each belongs to its
 * line: only idmaps need another call. The ends are looked at, for the day when this is no longer so.
 * @returns whether it is so, and the ids are filled in.
 */
function* zip({ list: mounts }: MountTree, { namespace, ids }: Listing): Pausing<boolean> {
  if (mounts.length !== ids.length) return false;
  for (const index of [0, mounts.length - 1]) {
    if (statusOf(ids[index] ?? 0n, namespace)?.oldId !== mounts[index]?.id) return false;
  }
  yield* inStretches(mounts.length, STRETCH, (start, end) => {
    for (let index = start; index < end; index += 1) {
      const mount = mounts[index] as MountDraft;
      const id = ids[index] ?? 0n;
      const idmap = isIdmapped(mount) ? statusOf(id, namespace)?.idmap : undefined;
      mount.uniqueId = String(id);
      if (idmap) mount.idmap = idmap;
    }
  });
  return true;
}

/** As {@link zip}, from inside; `false` when more than ids is to be told. */
function* zipBriefs({ list: mounts }: MountTree, briefs: Briefs): Pausing<boolean> {
  if (briefs.count !== mounts.length) return false;
  if (!mounts.every(({ id }, index) => briefs.isPlain(index, id))) return false;
  yield* inStretches(mounts.length, STRETCH, (start, end) => {
    for (let index = start; index < end; index += 1)
      (mounts[index] as MountDraft).uniqueId = String(briefs.id(index));
  });
  return true;
}

function* complete(shown: MountTree, listing: Listing, { whole }: TableOptions): Pausing<MountTree> {
  const { namespace, ids } = listing;
  const hidden: Mount[] = [];
  yield* inStretches(ids.length, STRETCH, (start, end) => {
    const statuses = Array.from(ids.subarray(start, end), (id) => statusOf(id, namespace));
    for (const { id = 0n } of fillTold(
      shown,
      statuses.filter((status) => status !== undefined),
    )) {
      const mount = readMount(id, namespace);
      if (mount) hidden.push(mount);
    }
  });
  return withHidden(shown, { atTop: whole === true && isAtTop(shown, namespace), others: hidden });
}

/** Fills in the ids and maps of the mounts shown, and hands back what was told of others. */
function fillTold(shown: MountTree, statuses: readonly MountStatus[]): MountStatus[] {
  return statuses.filter(({ id = 0n, oldId = 0, idmap }) => {
    const mount: MountDraft | undefined = shown.get(oldId);
    if (!mount) return true;
    mount.uniqueId = String(id);
    if (idmap && idmap.uid.length > 0) mount.idmap = idmap;
    return false;
  });
}

function statusOf(id: bigint, namespace: bigint): MountStatus | undefined {
  const answer = native.sys.statmount(id, namespace, MASK);
  return typeof answer === 'number' ? undefined : decodeStatmount(answer);
}

/** Whether the reader's root is at the top of the namespace, and not that of a task chrooted into a part of it. */
function isAtTop({ root }: MountTree, namespace: bigint): boolean {
  if (root?.mountPoint !== '/' || root.uniqueId === undefined) return false;
  const answer = native.sys.statmount(BigInt(root.uniqueId), namespace, BigInt(STATMOUNT.MNT_POINT));
  return typeof answer !== 'number' && decodeStatmount(answer).mountPoint === '/';
}

/**
 * Whether there are mounts that were not listed. A namespace is listed from its lowest root: what stands on something
 * that this root does not show is left out (fs/namespace.c, is_path_reachable), and counted.
 */
function lacksMounts(tree: MountTree, listing: Listing, { namespace }: TableOptions): boolean {
  return listing.ids.length < countMounts(namespace) || lacksCovered(tree, listing);
}

/** How many mounts a namespace has, without the one at its bottom; 0 where the kernel does not tell. */
export function countMounts(namespace: Fd | undefined): number {
  if (namespace === undefined) return 0;
  return Math.max(0, native.sys.namespaceMounts(fdNumber(namespace)));
}

/** Whether there is more under the root than was listed: the caller's own namespace is listed from the caller's root. */
function lacksCovered(tree: MountTree, { namespace, ids }: Listing): boolean {
  const parents = new Set<number>();
  for (const { uniqueId, parentId } of tree.roots) {
    if (uniqueId === undefined || parents.has(parentId)) continue; // the tops of a forest have one parent
    parents.add(parentId);
    const top = statusOf(BigInt(uniqueId), namespace);
    const below = top?.parentId === undefined ? undefined : statusOf(top.parentId, namespace);
    if (below?.id !== undefined && below.parentId !== below.id && !ids.includes(below.id)) return true;
  }
  return false;
}

/** Of mounts, read by threads that enter the namespace. */
function* statusesInside(namespace: Fd, root: Fd, ids: BigUint64Array): Pausing<MountStatus[] | undefined> {
  const statuses: MountStatus[] = [];
  let isTold = true;
  yield* inStretches(ids.length, STRETCH, (start, end) => {
    const some = ids.subarray(start, end);
    const answers = isTold
      ? native.sys.statmountsInside(fdNumber(namespace), fdNumber(root), some, MOUNT_MASK)
      : 0;
    if (typeof answers === 'number') isTold = false;
    else for (const answer of answers) statuses.push(decodeStatmount(answer));
  });
  return isTold ? statuses : undefined;
}

const ENTER = smallProgram({ imports: ['namespace'], exports: ['root directory'] }, (program) => {
  program.op('setns', { a: 0, f1: CLONE.NEWNS });
  program.op('openat2', { s1: '/', f1: O.CLOEXEC | O.PATH | O.DIRECTORY, out: 1 });
});

/** Whether the root directory is the one that whoever enters the namespace gets. */
export function isTopmost({ namespace, root }: TableOptions): boolean {
  if (namespace === undefined || root === undefined) return false;
  const [top] = runSmall(ENTER, [namespace], 'the root of a mount namespace');
  using held = top as OwnedFd;
  const [there, here] = [statFd(held.number), statFd(fdNumber(root))];
  return there !== undefined && there.mountId === here?.mountId && there.inode === here.inode;
}
