import { BusyTableError, UnseenMountsError } from '../../errors.ts';
import { parseMountinfo } from '../../formats/mountinfo.ts';
import type { MountTree } from '../../model/tree.ts';
import { type Fd, fdNumber } from '../calls/fd.ts';
import { readWhole } from '../calls/files.ts';
import { native } from '../calls/native.ts';
import { missingQuery } from '../calls/probe-calls.ts';
import { completeTable, countMounts, isTopmost, listMounts, type TableOptions } from './listing.ts';

const READINGS = 100;
/** What the kernel prints of mountinfo at one time, under the lock of the mount tables. */
const ONE_MOMENT = 4096;

/** What can be replaced to see what becomes of it. */
interface Looks {
  readonly pollNow: (fd: number, events: number) => number;
  readonly sharing: typeof native.sys.sharing;
}

/**
 * The tree of an open mountinfo file, with what listmount(2) and statmount(2) add: ids that are never reused, the maps
 * of idmapped mounts, mounts that a covered root hides, mounts that no path leads to. Where they do not work, the tree
 * is as mountinfo has it.
 *
 * A table longer than a page is not read in one moment. The kernel tells a poll(2) on the file when mounts came, went,
 * moved or changed attributes; of a change of propagation it tells nothing, so peer groups and masters are looked at
 * twice. A reading during which something happened is made again.
 *
 * @throws {BusyTableError} when every reading was disturbed.
 * @throws {UnseenMountsError} when the kernel counts more mounts in a namespace than it shows.
 */
export function readTable(mountinfo: Fd, options: TableOptions, looks: Looks = native.sys): MountTree {
  const fd = fdNumber(mountinfo);
  const namespace = options.namespace === undefined ? OWN : namespaceId(options.namespace);
  for (let reading = 0; reading < READINGS; reading += 1) {
    looks.pollNow(fd, 0); // what happened until now is past
    const text = readWhole(mountinfo);
    const listing = namespace === undefined ? undefined : listMounts(namespace);
    if (looks.pollNow(fd, 0) !== 0) continue;
    const shown = parseMountinfo(text);
    const completed = listing && completeTable(shown, listing, options);
    const { tree, found, sharing } = completed ?? { tree: shown, found: 0 };
    const same = text.length <= ONE_MOMENT || isSteady(tree, namespace, { text, mountinfo, looks, sharing });
    if (!same) continue;
    const lack = options.whole ? lackOf(tree, found, options) : undefined;
    if (looks.pollNow(fd, 0) !== 0) continue;
    if (lack) throw lack;
    return tree;
  }
  throw new BusyTableError(READINGS);
}

/** The error for a table that lacks what the kernel counts. */
function lackOf(tree: MountTree, found: number, options: TableOptions): UnseenMountsError | undefined {
  const isTold = tree.mounts.every(({ uniqueId }) => uniqueId !== undefined);
  const seen = isTold ? found : tree.size;
  const unseen = countMounts(options.namespace) - seen;
  if (seen === 0 || unseen <= 0) return undefined;
  if (isTold) return new UnseenMountsError(seen, unseen);
  // A process that is chrooted into a part of the namespace is shown no more than that.
  const missing = missingQuery();
  const isWhole = options.root === undefined || isTopmost(options);
  return missing && isWhole ? new UnseenMountsError(seen, unseen, missing) : undefined;
}

const OWN = 0n;

/** The 64-bit id of an open mount namespace; `undefined` where the kernel does not tell. */
export function namespaceId(namespace: Fd): bigint | undefined {
  const id = native.sys.namespaceId(fdNumber(namespace));
  return typeof id === 'number' ? undefined : id;
}

interface Reading {
  readonly text: Buffer;
  readonly mountinfo: Fd;
  readonly looks: Looks;
  readonly sharing: Int32Array | undefined;
}

/** Whether the peer groups and masters are still those that were read. */
function isSteady(
  { list: mounts }: MountTree,
  namespace: bigint | undefined,
  { text, mountinfo, looks, sharing }: Reading,
): boolean {
  const ids = new BigUint64Array(sharing ? [] : mounts.map(({ uniqueId }) => BigInt(uniqueId ?? 0)));
  const isKnown = namespace !== undefined && !ids.includes(0n);
  const seen = sharing ?? (isKnown ? looks.sharing(ids, namespace) : undefined);
  // By bytes where the kernel has no narrower answer.
  if (typeof seen !== 'object') return readWhole(mountinfo).equals(text);
  return mounts.every(({ propagation: { shared = 0, master = 0, unbindable } }, index) => {
    const at = 3 * index;
    return seen[at] === shared && seen[at + 1] === master && (seen[at + 2] === 1) === unbindable;
  });
}
