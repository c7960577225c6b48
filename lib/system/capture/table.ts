import { BusyTableError, UnseenMountsError } from '../../errors.ts';
import { parsing } from '../../formats/mountinfo.ts';
import type { Mount } from '../../model/mount.ts';
import { atOnce, inStretches, type Pausing, STRETCH } from '../../model/pausing.ts';
import type { MountTree } from '../../model/tree.ts';
import { type Fd, fdNumber } from '../calls/fd.ts';
import { reading } from '../calls/files.ts';
import { native } from '../calls/native.ts';
import { missingQuery } from '../calls/probe-calls.ts';
import { SHARING_WORDS } from './briefs.ts';
import { completeTable, countMounts, isTopmost, listMounts, type TableOptions } from './listing.ts';

const READINGS = 100;
/** What the kernel prints of mountinfo at one time, under the lock of the mount tables. */
const ONE_MOMENT = 4096;

/** So many readings are made with pauses. In them a table may change: who has no luck makes the others without. */
const WITH_PAUSES = 3;
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
export function* readTable(
  mountinfo: Fd,
  options: TableOptions,
  looks: Looks = native.sys,
): Pausing<MountTree> {
  const namespace = options.namespace === undefined ? OWN : namespaceId(options.namespace);
  for (let tried = 0; tried < READINGS; tried += 1) {
    const work = readOnce({ mountinfo, namespace, options, looks });
    const tree = tried < WITH_PAUSES ? yield* work : atOnce(work);
    if (tree) return tree;
  }
  throw new BusyTableError(READINGS);
}

/** What a reading is made of. */
interface Reading {
  readonly mountinfo: Fd;
  readonly namespace: bigint | undefined;
  readonly options: TableOptions;
  readonly looks: Looks;
}

/** The tree; `undefined` when the reading was disturbed. */
function* readOnce(from: Reading): Pausing<MountTree | undefined> {
  const { mountinfo, namespace, options, looks } = from;
  const fd = fdNumber(mountinfo);
  looks.pollNow(fd, 0); // what happened until now is past
  const text = yield* reading(mountinfo);
  const listing = namespace === undefined ? undefined : listMounts(namespace);
  if (looks.pollNow(fd, 0) !== 0) return undefined;
  const shown = yield* parsing(text);
  const completed = listing && (yield* completeTable(shown, listing, options));
  const { tree, found, sharing } = completed ?? { tree: shown, found: 0 };
  const same = text.length <= ONE_MOMENT || (yield* isSteady(tree, from, { text, sharing }));
  if (!same) return undefined;
  const lack = options.whole ? lackOf(tree, found, options) : undefined;
  if (looks.pollNow(fd, 0) !== 0) return undefined;
  if (lack) throw lack;
  return tree;
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

/** What was read. */
interface Read {
  readonly text: Buffer;
  /** Peer groups and masters a moment later, where they were seen by the way. */
  readonly sharing: Int32Array | undefined;
}

/** Whether the peer groups and masters are still those that were read. */
function* isSteady(
  { list: mounts }: MountTree,
  { mountinfo, namespace, looks }: Reading,
  { text, sharing }: Read,
): Pausing<boolean> {
  const isKnown = namespace !== undefined && mounts.every(({ uniqueId }) => uniqueId !== undefined);
  const seen = sharing ?? (isKnown ? yield* sharingOf(mounts, namespace, looks) : undefined);
  // By bytes where the kernel has no narrower answer.
  if (!seen) return (yield* reading(mountinfo)).equals(text);
  return mounts.every(({ propagation: { shared = 0, master = 0, unbindable } }, index) => {
    const at = SHARING_WORDS * index;
    return seen[at] === shared && seen[at + 1] === master && (seen[at + 2] === 1) === unbindable;
  });
}

/** As {@link NativeSys.sharing} answers; `undefined` where it does not. */
function* sharingOf(
  mounts: readonly Mount[],
  namespace: bigint,
  looks: Looks,
): Pausing<Int32Array | undefined> {
  const all = new Int32Array(SHARING_WORDS * mounts.length);
  let isTold = true;
  yield* inStretches(mounts.length, STRETCH, (start, end) => {
    const ids = BigUint64Array.from(mounts.slice(start, end), ({ uniqueId }) => BigInt(uniqueId ?? 0));
    const some = isTold ? looks.sharing(ids, namespace) : 0;
    if (typeof some === 'number') isTold = false;
    else all.set(some, SHARING_WORDS * start);
  });
  return isTold ? all : undefined;
}
