import { O } from '../../flags.ts';
import { decodeBytes } from '../../model/bytes.ts';
import { idInside, idRanges, isIdentity, OVERFLOW_ID } from '../../model/id-maps.ts';
import type { IdMap, OwnedNode } from '../../model/mount.ts';
import { ownersInside } from '../../model/owners.ts';
import { ReadMount } from '../../model/read-mount.ts';
import type { MountTree } from '../../model/tree.ts';
import type { OwnedFd } from '../calls/fd.ts';
import { readWhole } from '../calls/files.ts';
import { placeInside } from '../calls/other-namespaces.ts';
import { PROC_RESOLVE, type Procfs } from '../calls/procfs.ts';
import { runSmall, smallProgram } from '../calls/small-program.ts';

/**
 * In whose ids owners are told. The kernel has them in two ways: what a filesystem prints among its options are ids of
 * the initial user namespace (mm/shmem.c, shmem_show_options), what stat(2) answers are the caller's. In a snapshot
 * both are those of the user namespace that the tree is seen from, so that a restore there makes them the same again.
 */
export interface OwnerView {
  /** From the initial user namespace inwards. */
  readonly printed: readonly IdMap[];
  /** From the caller's user namespace to the one that the tree is seen from. */
  readonly seen: IdMap | undefined;
}

const ownMaps = new WeakMap<Procfs, IdMap>();

/** The map of the caller's user namespace, which is written once. */
export function idMapOf(procfs: Procfs): IdMap {
  const known = ownMaps.get(procfs);
  if (known) return known;
  const [uid, gid] = ['uid', 'gid'].map((id) => procfs.read(`thread-self/${id}_map`));
  const map = { uid: rangesOf(uid), gid: rangesOf(gid) };
  ownMaps.set(procfs, map);
  return map;
}

const READ_MAPS = smallProgram({ imports: ['/proc'], exports: ['uid_map', 'gid_map'] }, (program) => {
  program.op('openat2', { a: 0, s1: 'thread-self/uid_map', f1: O.CLOEXEC, f3: PROC_RESOLVE, out: 1 });
  program.op('openat2', { a: 0, s1: 'thread-self/gid_map', f1: O.CLOEXEC, f3: PROC_RESOLVE, out: 2 });
});

/** The map of a user namespace that exists, from its parent: read by a child that enters it. @throws {MountError} */
export function idMapInside(procfs: Procfs, user: OwnedFd): IdMap {
  const files = runSmall(READ_MAPS, [procfs.root], 'the map of a user namespace', placeInside({ user }));
  try {
    const [uid, gid] = files.map(readWhole);
    return { uid: rangesOf(uid), gid: rangesOf(gid) };
  } finally {
    for (const file of files) file.close();
  }
}

function rangesOf(map: Buffer = Buffer.alloc(0)): IdMap['uid'] {
  return idRanges(decodeBytes(map).trim().split('\n'));
}

/**
 * The view of the caller, or from a user namespace that the caller made with this map. One who lives more than one
 * user namespace deep cannot know the ids of the initial one.
 */
export function ownerView(procfs: Procfs, made?: IdMap): OwnerView {
  const own = idMapOf(procfs);
  const { printed, seen } = made ? viewInto(made) : { printed: [], seen: undefined };
  return { printed: isIdentity(own) ? printed : [own, ...printed], seen };
}

/** Of what the caller captured, from a user namespace that the caller made with this map. */
export function viewInto(made: IdMap): OwnerView {
  return { printed: isIdentity(made) ? [] : [made], seen: made };
}

/** The tree with the owners that filesystems print as they are in a view. */
export function withOwners(tree: MountTree, { printed }: OwnerView): MountTree {
  if (printed.length === 0) return tree;
  return tree.map((mount) => {
    const superOptions = ownersInside(mount.superOptions, printed);
    return superOptions === mount.superOptions ? mount : ReadMount.of({ ...mount, superOptions });
  });
}

/** A node that the caller stat'ed, with its owners as they are in a view. */
export function ownedAsSeen(node: OwnedNode, { seen }: OwnerView): OwnedNode {
  if (!seen) return node;
  const uid = idInside(seen.uid, node.uid) ?? OVERFLOW_ID;
  return { ...node, uid, gid: idInside(seen.gid, node.gid) ?? OVERFLOW_ID };
}
