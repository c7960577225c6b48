import { BusyTableError } from '../errors.ts';
import { parseMountinfo } from '../formats/mountinfo.ts';
import type { Mount } from '../model/mount.ts';
import { MountTree } from '../model/tree.ts';
import { type Fd, fdNumber } from './fd.ts';
import { native } from './native.ts';
import { readWhole } from './procfs.ts';
import { decodeStatmount, type MountStatus, STATMOUNT } from './statmount.ts';
import { readMount } from './statmount-mount.ts';

const LSMT_ROOT = -1n;
const READINGS = 100;
const MASK = BigInt(STATMOUNT.MNT_BASIC | STATMOUNT.MNT_UIDMAP | STATMOUNT.MNT_GIDMAP);

/** Which namespace it is, as far as that is known. */
export interface TableOptions {
  /** Its file and the root directory that the mountinfo is read under; none for the caller's own. */
  readonly namespace?: Fd | undefined;
  readonly root?: Fd | undefined;
  /** Reads mounts, too, that are hidden from the reader because another mount covers the root of the namespace. */
  readonly whole?: boolean;
}

/**
 * The tree of an open mountinfo file, with what listmount(2) and statmount(2) add: ids that are never reused, the maps
 * of idmapped mounts, mounts that a covered root hides. Where they do not work, the tree is as mountinfo has it.
 *
 * A table longer than a page is not read in one moment. The kernel tells a poll(2) on the file when mounts came, went,
 * moved or changed attributes; a reading during which that happened is made again.
 *
 * @throws {BusyTableError} when every reading was disturbed.
 */
export function readTable(mountinfo: Fd, options: TableOptions, pollNow = native.sys.pollNow): MountTree {
  const fd = fdNumber(mountinfo);
  const namespace = options.namespace === undefined ? OWN : namespaceId(options.namespace);
  for (let reading = 0; reading < READINGS; reading += 1) {
    pollNow(fd, 0); // what happened until now is past
    const text = readWhole(mountinfo);
    const listing = namespace === undefined ? undefined : list(namespace, options);
    if (pollNow(fd, 0) !== 0) continue;
    const shown = parseMountinfo(text);
    if (!listing) return shown;
    const { tree, others } = listing(shown);
    if (namespace === undefined || others.length === 0 || !options.whole || !isAtTop(tree, namespace))
      return tree;
    const hidden = others.map((id) => readMount(id, namespace)).filter((mount) => mount !== undefined);
    if (pollNow(fd, 0) === 0) return oldestFirst([...tree.mounts, ...hidden]);
  }
  throw new BusyTableError(READINGS);
}

const OWN = 0n;

/** The 64-bit id of an open mount namespace; `undefined` where the kernel does not tell. */
export function namespaceId(namespace: Fd): bigint | undefined {
  const id = native.sys.namespaceId(fdNumber(namespace));
  return typeof id === 'number' ? undefined : id;
}

/** What was listed of the mounts that are shown, and the ids of those that are not. */
interface Completed {
  readonly tree: MountTree;
  readonly others: readonly bigint[];
}

/**
 * Lists the mounts at once; what it returns adds the listing to the mounts shown. A namespace is listed from outside,
 * where nothing is hidden, unless its root is older than the place it is mounted on: that one the kernel does not find
 * (ENOENT).
 */
function list(
  namespace: bigint,
  { namespace: file, root }: TableOptions,
): ((shown: MountTree) => Completed) | undefined {
  const ids = native.sys.listmount(LSMT_ROOT, namespace, 0);
  if (typeof ids !== 'number')
    return (shown) => zipped(shown, ids, namespace) ?? complete(shown, statuses(ids, namespace));
  if (file === undefined || root === undefined) return undefined;
  const answers = native.sys.statmountsInside(fdNumber(file), fdNumber(root), MASK);
  return typeof answers === 'number' ? undefined : (shown) => complete(shown, answers);
}

/**
 * Mountinfo and listmount(2) go through the namespace in one order, so that of as many ids as lines each belongs to its
 * line: only idmaps need another call. The ends are looked at, for the day when this is no longer so.
 */
function zipped(shown: MountTree, ids: BigUint64Array, namespace: bigint): Completed | undefined {
  const { mounts } = shown;
  if (mounts.length !== ids.length) return undefined;
  for (const index of [0, mounts.length - 1]) {
    if (statusOf(ids[index] ?? 0n, namespace)?.oldId !== mounts[index]?.id) return undefined;
  }
  const tree = mounts.map((mount, index): Mount => {
    const id = ids[index] ?? 0n;
    const idmap = mount.options.includes('idmapped') ? statusOf(id, namespace)?.idmap : undefined;
    return { ...mount, uniqueId: String(id), ...(idmap && { idmap }) };
  });
  return { tree: new MountTree(tree), others: [] };
}

function statusOf(id: bigint, namespace: bigint): MountStatus | undefined {
  const answer = native.sys.statmount(id, namespace, MASK);
  return typeof answer === 'number' ? undefined : decodeStatmount(answer);
}

/** Of the mounts that are still there. */
function* statuses(ids: BigUint64Array, namespace: bigint): Generator<Uint8Array> {
  for (const id of ids) {
    const answer = native.sys.statmount(id, namespace, MASK);
    if (typeof answer !== 'number') yield answer;
  }
}

function complete(shown: MountTree, listing: Iterable<Uint8Array>): Completed {
  const told = new Map<number, Pick<Mount, 'uniqueId' | 'idmap'>>();
  const others: bigint[] = [];
  for (const answer of listing) {
    const { id = 0n, oldId = 0, idmap } = decodeStatmount(answer);
    if (shown.get(oldId))
      told.set(oldId, { uniqueId: String(id), ...(idmap && idmap.uid.length > 0 ? { idmap } : {}) });
    else others.push(id);
  }
  return { tree: shown.map((mount) => ({ ...mount, ...told.get(mount.id) })), others };
}

function oldestFirst(mounts: readonly Mount[]): MountTree {
  const age = (mount: Mount) => BigInt(mount.uniqueId ?? 0);
  return new MountTree(mounts.toSorted((a, b) => (age(a) < age(b) ? -1 : age(a) > age(b) ? 1 : 0)));
}

/** Whether the reader's root is at the top of the namespace, and not that of a task chrooted into a part of it. */
function isAtTop({ root }: MountTree, namespace: bigint): boolean {
  if (root?.mountPoint !== '/' || root.uniqueId === undefined) return false;
  const answer = native.sys.statmount(BigInt(root.uniqueId), namespace, BigInt(STATMOUNT.MNT_POINT));
  return typeof answer !== 'number' && decodeStatmount(answer).mountPoint === '/';
}
