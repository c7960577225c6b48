import { constants } from 'node:os';
import { MountError, UsageError } from '../../errors.ts';
import { CLONE } from '../../flags.ts';
import { idRanges } from '../../model/id-maps.ts';
import type { IdMap, IdRange } from '../../model/mount.ts';
import { userNamespaceOf } from '../../plan/options/choices.ts';
import type { RestoreOptions } from '../../plan/options/options.ts';
import { checked, opened } from '../calls/arguments.ts';
import { errnoMeaning, errnoName } from '../calls/errno.ts';
import { OwnedFd } from '../calls/fd.ts';
import { hintFor } from '../calls/hints.ts';
import { statOpen } from '../calls/lookup.ts';
import { native, type RunPlace } from '../calls/native.ts';
import type { Procfs } from '../calls/procfs.ts';

const LINE = /^\s*\d+\s+\d+\s+\d+\s*$/;

/** Where the program of a restore runs: a fresh thread, or a child in a new user and mount namespace. */
export function placeFor(userNamespace: RestoreOptions['userNamespace']): RunPlace {
  if (userNamespace === undefined) return { kind: 'thread' };
  const { uids, gids } = mapLines(userNamespace);
  return {
    kind: 'fork',
    unshare: CLONE.NEWUSER | CLONE.NEWNS,
    uidMap: mapBytes(uids, 'uidMap'),
    // Only a process that may set groups in the parent may leave this at "allow" when it writes gid_map.
    setgroups: mapsOwnIds({ uids, gids }) ? Buffer.from('deny') : new Uint8Array(0),
    gidMap: mapBytes(gids, 'gidMap'),
  };
}

export interface MapLines {
  readonly uids: readonly string[];
  readonly gids: readonly string[];
}

/** Whether nothing but the caller's own ids is mapped, which any process may do (user_namespaces(7)). */
export function mapsOwnIds({ uids, gids }: MapLines): boolean {
  const own = (lines: readonly string[], id: number | undefined) =>
    lines.length === 1 && new RegExp(`^\\s*\\d+\\s+${id}\\s+1\\s*$`).test(lines[0] ?? '');
  return own(uids, process.geteuid?.()) && own(gids, process.getegid?.());
}

/** The lines of the maps of a new user namespace: `INSIDE OUTSIDE LENGTH`. */
export function mapLines(userNamespace: NonNullable<RestoreOptions['userNamespace']>): MapLines {
  const maps = userNamespaceOf({ userNamespace });
  if (maps !== undefined && maps !== 'self') return { uids: maps.uidMap, gids: maps.gidMap };
  return { uids: [`0 ${process.geteuid?.() ?? 0} 1`], gids: [`0 ${process.getegid?.() ?? 0} 1`] };
}

/** The map of a new user namespace, from the caller's. */
export function mapOf(userNamespace: NonNullable<RestoreOptions['userNamespace']>): IdMap {
  const { uids, gids } = mapLines(userNamespace);
  return { uid: idRanges(uids), gid: idRanges(gids) };
}

function mapBytes(lines: readonly string[], name: string): Uint8Array {
  for (const line of lines) {
    if (!LINE.test(line)) throw new UsageError(`${name}: "${line}" is not "INSIDE OUTSIDE LENGTH"`);
  }
  return Buffer.from(lines.map((line) => `${line.trim()}\n`).join(''));
}

const NS_GET_USERNS = 0xb701; // _IO(0xb7, 1), ioctl_ns(2)

/** The user namespace that owns a namespace. @throws {MountError} EPERM when it is out of the caller's sight. */
export function owningUserNamespace(namespace: OwnedFd): OwnedFd {
  return opened(native.sys.ioctl(namespace.number, NS_GET_USERNS), 'user namespace', () => ({
    syscall: 'ioctl',
    arguments: [namespace.toString(), 'NS_GET_USERNS'],
  }));
}

/** The same, where it is another than the caller's and in its sight: who enters the namespace enters it first. */
export function foreignOwner(procfs: Procfs, namespace: OwnedFd): OwnedFd | undefined {
  let owner: OwnedFd;
  try {
    owner = owningUserNamespace(namespace);
  } catch (error) {
    if (error instanceof MountError) return undefined; // an ancestor of the caller's
    throw error;
  }
  try {
    using own = procfs.openLink('thread-self/ns', 'user');
    if (statOpen(owner).inode !== statOpen(own).inode) return owner;
  } catch (error) {
    owner.close();
    throw error;
  }
  owner.close();
  return undefined;
}

const NS_GET_NSTYPE = 0xb703; // _IO(0xb7, 3), ioctl_ns(2)

/** Whether a file is that of a mount namespace. @throws {MountError} when the kernel does not tell. */
export function isMountNamespace(file: OwnedFd): boolean {
  const answer = native.sys.ioctl(file.number, NS_GET_NSTYPE);
  if (answer === -constants.errno.ENOTTY) return false; // no namespace's
  const call = () => ({ syscall: 'ioctl', arguments: [file.toString(), 'NS_GET_NSTYPE'] });
  return checked(answer, call) === CLONE.NEWNS;
}

/** Whether it takes a process to keep the namespaces, or to have their maps written: see `NamespaceKeeper`. */
export function needsKeeper(
  procfs: Procfs,
  { userNamespace, newNamespaces = [] }: Pick<RestoreOptions, 'userNamespace' | 'newNamespaces'>,
): boolean {
  if (newNamespaces.length > 0) return true;
  return userNamespace !== undefined && !mapsOwnIds(mapLines(userNamespace)) && !mayMapAnyId(procfs);
}

const CAP_SETGID = 6n;
const CAP_SETUID = 7n;

/** Whether this process may write any map, as user_namespaces(7) has it. */
export function mayMapAnyId(procfs: Procfs): boolean {
  return procfs.hasCapability(CAP_SETUID) && procfs.hasCapability(CAP_SETGID);
}

/** A user namespace that holds the map of an idmapped mount. @throws {MountError} */
export function idmapNamespace(map: IdMap, mount: number): OwnedFd {
  const made = native.userNamespace(rangeLines(map.uid), rangeLines(map.gid));
  if (typeof made === 'number' && made >= 0) return new OwnedFd(made, `idmap of mount ${mount}`);
  const answer = typeof made === 'number' ? { stage: 'memory', errno: -made } : made;
  const code = errnoName(answer.errno);
  throw new MountError({
    code,
    errno: answer.errno,
    meaning: errnoMeaning(answer.errno),
    syscall: answer.stage,
    call: answer.stage,
    subject: `the user namespace with the idmap of mount ${mount}`,
    mount,
    hint: hintFor(answer.stage, code),
  });
}

function rangeLines(ranges: readonly IdRange[]): Uint8Array {
  return Buffer.from(
    ranges.map(({ inside, outside, length }) => `${inside} ${outside} ${length}\n`).join(''),
  );
}
