import { readSync } from 'node:fs';
import { BusyTableError } from '../errors.ts';
import { parseMountinfo } from '../formats/mountinfo.ts';
import type { Mount } from '../model/mount.ts';
import { MountTree } from '../model/tree.ts';
import { type Fd, fdNumber } from './fd.ts';
import { native } from './native.ts';
import { decodeStatmount, STATMOUNT } from './statmount.ts';
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
export function readTable(mountinfo: Fd, options: TableOptions): MountTree {
  const fd = fdNumber(mountinfo);
  const namespace = options.namespace === undefined ? OWN : namespaceId(options.namespace);
  for (let reading = 0; reading < READINGS; reading += 1) {
    native.sys.pollNow(fd, 0); // what happened until now is past
    const text = readFromStart(fd);
    const listing = namespace === undefined ? undefined : list(namespace, options);
    if (native.sys.pollNow(fd, 0) !== 0) continue;
    const shown = parseMountinfo(text);
    if (!listing) return shown;
    const { tree, others } = complete(shown, listing());
    if (namespace === undefined || others.length === 0 || !options.whole || !isAtTop(tree, namespace))
      return tree;
    const hidden = others.map((id) => readMount(id, namespace)).filter((mount) => mount !== undefined);
    if (native.sys.pollNow(fd, 0) === 0) return oldestFirst([...tree.mounts, ...hidden]);
  }
  throw new BusyTableError(READINGS);
}

const OWN = 0n;

/** The 64-bit id of an open mount namespace; `undefined` where the kernel does not tell. */
export function namespaceId(namespace: Fd): bigint | undefined {
  const id = native.sys.namespaceId(fdNumber(namespace));
  return typeof id === 'number' ? undefined : id;
}

/**
 * What statmount(2) says of each mount, as far as it is still there. A namespace is listed from outside, where nothing
 * is hidden, unless its root is older than the place it is mounted on: that the kernel does not find (ENOENT).
 */
function list(
  namespace: bigint,
  { namespace: file, root }: TableOptions,
): (() => Iterable<Uint8Array>) | undefined {
  const ids = native.sys.listmount(LSMT_ROOT, namespace, 0);
  if (typeof ids !== 'number') return () => statuses(ids, namespace);
  if (file === undefined || root === undefined) return undefined;
  const answers = native.sys.statmountsInside(fdNumber(file), fdNumber(root), MASK);
  return typeof answers === 'number' ? undefined : () => answers;
}

function* statuses(ids: BigUint64Array, namespace: bigint): Generator<Uint8Array> {
  for (const id of ids) {
    const answer = native.sys.statmount(id, namespace, MASK);
    if (typeof answer !== 'number') yield answer;
  }
}

/** Adds what was listed to the mounts shown; `others` are listed and not shown. */
function complete(shown: MountTree, listing: Iterable<Uint8Array>): { tree: MountTree; others: bigint[] } {
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

const CHUNK = 1 << 18;

function readFromStart(fd: number): Buffer {
  const full: Buffer[] = [];
  let chunk = Buffer.allocUnsafe(CHUNK);
  let used = 0;
  for (let position = 0; ; ) {
    const size = readSync(fd, chunk, used, CHUNK - used, position);
    if (size === 0) return Buffer.concat([...full, chunk.subarray(0, used)]);
    position += size;
    used += size;
    if (used < CHUNK) continue;
    full.push(chunk);
    chunk = Buffer.allocUnsafe(CHUNK);
    used = 0;
  }
}
