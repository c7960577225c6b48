import { attributeWords, MS } from '../../flags.ts';
import { type Mount, type Propagation, UNREACHABLE } from '../../model/mount.ts';
import { propagationOf } from '../../model/propagation.ts';
import { ReadMount } from '../../model/read-mount.ts';
import { native } from '../calls/native.ts';
import { decodeStatmount, type MountStatus, STATMOUNT } from '../calls/statmount.ts';

/** What mountinfo shows of a mount. Its option text is asked for whole, because mountinfo prints the same one. */
export const MOUNT_MASK = BigInt(
  STATMOUNT.SB_BASIC |
    STATMOUNT.MNT_BASIC |
    STATMOUNT.PROPAGATE_FROM |
    STATMOUNT.MNT_ROOT |
    STATMOUNT.MNT_POINT |
    STATMOUNT.FS_TYPE |
    STATMOUNT.MNT_OPTS |
    STATMOUNT.FS_SUBTYPE |
    STATMOUNT.SB_SOURCE |
    STATMOUNT.MNT_UIDMAP |
    STATMOUNT.MNT_GIDMAP |
    STATMOUNT.SUPPORTED_MASK,
);
/** Strings that the kernel leaves out when they are empty, or when no path leads to the mount. */
const MAY_BE_EMPTY = BigInt(
  STATMOUNT.MNT_POINT |
    STATMOUNT.MNT_OPTS |
    STATMOUNT.FS_SUBTYPE |
    STATMOUNT.SB_SOURCE |
    STATMOUNT.MNT_UIDMAP |
    STATMOUNT.MNT_GIDMAP,
);
const NEEDED = MOUNT_MASK & ~MAY_BE_EMPTY;
const DELETED = '//deleted';

/**
 * A mount read by statmount(2) alone, field by field what mountinfo shows; `undefined` when it is gone, or the kernel
 * cannot tell all of that.
 */
export function readMount(id: bigint, namespace: bigint): Mount | undefined {
  const answer = native.sys.statmount(id, namespace, MOUNT_MASK);
  return typeof answer === 'number' ? undefined : mountOfStatus(decodeStatmount(answer));
}

/** The same from an answer to {@link MOUNT_MASK}. */
export function mountOfStatus(status: MountStatus): Mount | undefined {
  const told = ((status.supportedMask ?? 0n) & MAY_BE_EMPTY) === MAY_BE_EMPTY;
  return told && (status.mask & NEEDED) === NEEDED ? mountOf(status) : undefined;
}

function mountOf(status: MountStatus): Mount {
  const { id = 0n, root = '/', type = '', subtype, idmap } = status;
  const deleted = root.endsWith(DELETED);
  return ReadMount.of({
    id: status.oldId ?? 0,
    parentId: status.oldParentId ?? 0,
    device: status.device ?? '0:0',
    root: deleted ? root.slice(0, -DELETED.length) || '/' : root,
    deleted,
    mountPoint: status.mountPoint ?? UNREACHABLE,
    options: attributeWords(Number(status.attributes ?? 0n)),
    propagation: propagationIn(status),
    unknownTags: [],
    type,
    ...(subtype === undefined ? {} : { subtype }),
    source: status.source ?? '',
    superOptions: superOptions(status),
    kind: 'unknown',
    uniqueId: String(id),
    ...(idmap && idmap.uid.length > 0 ? { idmap } : {}),
  });
}

function propagationIn({ propagation = 0n, peerGroup, master, propagateFrom }: MountStatus): Propagation {
  const has = (bit: number) => (propagation & BigInt(bit)) !== 0n;
  // mountinfo names the dominant group only when it is another than the master.
  const isDominated = has(MS.SLAVE) && propagateFrom && propagateFrom !== master;
  return propagationOf({
    shared: has(MS.SHARED) ? Number(peerGroup) : undefined,
    master: has(MS.SLAVE) ? Number(master) : undefined,
    propagateFrom: isDominated ? Number(propagateFrom) : undefined,
    unbindable: has(MS.UNBINDABLE),
  });
}

/** In mountinfo's order (fs/proc_namespace.c, show_sb_opts). */
const SUPERBLOCK_WORDS: readonly (readonly [number, string])[] = [
  [MS.SYNCHRONOUS, 'sync'],
  [MS.DIRSYNC, 'dirsync'],
  [MS.LAZYTIME, 'lazytime'],
];

function superOptions({ superFlags = 0, options }: MountStatus): string {
  const words = SUPERBLOCK_WORDS.filter(([bit]) => superFlags & bit).map(([, word]) => word);
  return [superFlags & MS.RDONLY ? 'ro' : 'rw', ...words, ...(options === undefined ? [] : [options])].join(
    ',',
  );
}
