import { type ChildProcess, spawnSync } from 'node:child_process';
import { accessSync, constants as files } from 'node:fs';
import { constants } from 'node:os';
import { MountError } from '../../errors.ts';
import { CLONE } from '../../flags.ts';
import { decodeBytes } from '../../model/bytes.ts';
import { type CgroupPath, parseCgroups } from '../../model/cgroups.ts';
import type { IdMap } from '../../model/mount.ts';
import type { RestoreOptions } from '../../plan/options/options.ts';
import { enterPath } from '../calls/addon.ts';
import { quote, refusal } from '../calls/arguments.ts';
import { errnoMeaning, errnoName } from '../calls/errno.ts';
import { OwnedFd } from '../calls/fd.ts';
import { readInto, writeText } from '../calls/files.ts';
import { hintFor } from '../calls/hints.ts';
import { native, type RunPlace } from '../calls/native.ts';
import { CLONE_BIT, OTHER_KINDS, type OtherNamespaces, placeInside } from '../calls/other-namespaces.ts';
import type { Procfs } from '../calls/procfs.ts';
import { spawnChild } from '../calls/spawn.ts';
import { type MapLines, mapLines, mapOf, mapsOwnIds, mayMapAnyId } from './userns.ts';

/** Which namespaces are to be new. */
export type NewNamespaces = Pick<RestoreOptions, 'userNamespace' | 'newNamespaces'>;

const CHILD_FD = 3;
const SUBJECT = 'new namespaces';

/**
 * A process that does nothing but keep namespaces: without one a pid namespace ends, and the ranges of a user
 * namespace are written by programs that want a process to write them for. It ends when it is let go of, and with
 * this process, however that ends.
 */
export class NamespaceKeeper implements Disposable {
  readonly others: OtherNamespaces;
  /** The map of the user namespace, where that is new. */
  readonly idMap: IdMap | undefined;
  /** Where the caller sees the root of a new cgroup namespace; none without one. */
  readonly cgroups: readonly CgroupPath[];
  readonly #socket: OwnedFd;
  #holders = 1;

  private constructor(
    socket: OwnedFd,
    others: OtherNamespaces,
    { idMap, cgroups }: { readonly idMap: IdMap | undefined; readonly cgroups: readonly CgroupPath[] },
  ) {
    this.#socket = socket;
    this.cgroups = cgroups;
    this.others = others;
    this.idMap = idMap;
  }

  /**
   * Makes the namespaces and writes the maps of a new user namespace.
   * @throws {MountError} EPERM, ENOSPC at a limit; ENOENT where newuidmap is needed and not installed.
   */
  static start(procfs: Procfs, wanted: NewNamespaces): NamespaceKeeper {
    const ends = native.sys.socketpair();
    if (typeof ends === 'number') throw refused('socketpair', -ends);
    const socket = new OwnedFd(ends[0], 'keeper of namespaces');
    try {
      const first = startProcess(procfs, wanted, socket, ends[1]);
      const idMap = wanted.userNamespace && mapOf(wanted.userNamespace);
      const cgroups = wanted.newNamespaces?.includes('cgroup')
        ? parseCgroups(decodeBytes(procfs.read(`${first}/cgroup`)))
        : [];
      const others = openNamespaces(procfs, first, wanted);
      letLeave(socket, others);
      return new NamespaceKeeper(socket, others, { idMap, cgroups });
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /**
   * Where a program runs that has these namespaces; in a new user namespace it also has a mount namespace of its own,
   * because it may change nothing in the caller's.
   */
  get place(): RunPlace {
    return placeInside(this.others, { unshare: this.others.user ? CLONE.NEWNS : 0 });
  }

  /** One more who lets go of it in the end. */
  share(): NamespaceKeeper {
    this.#holders += 1;
    return this;
  }

  close(): void {
    this.#holders -= 1;
    if (this.#holders > 0) return;
    for (const fd of Object.values(this.others)) fd?.close();
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function flagsOf({ userNamespace, newNamespaces = [] }: NewNamespaces): number {
  const user = userNamespace === undefined ? 0 : CLONE.NEWUSER;
  return newNamespaces.reduce((flags, kind) => flags | CLONE_BIT[kind], user);
}

/** Starts it; the id of the process that has all the namespaces. */
function startProcess(procfs: Procfs, wanted: NewNamespaces, socket: OwnedFd, childEnd: number): number {
  const args = ['--keep', String(flagsOf(wanted)), String(CHILD_FD)];
  let child: ChildProcess;
  try {
    child = spawnChild(enterPath(), args, { stdio: ['ignore', 'ignore', 'ignore', childEnd] });
    child.once('error', () => {}); // told by the pid that it lacks
    if (child.pid === undefined) throw notStarted(enterPath());
  } finally {
    native.sys.close(childEnd);
  }
  child.unref();
  const unshared = readNumber(socket);
  if (unshared !== 0) throw refused('unshare', unshared ?? 0);
  if (wanted.userNamespace !== undefined) writeMaps(procfs, child.pid, mapLines(wanted.userNamespace));
  writeText(socket, 'x', SUBJECT);
  const first = readNumber(socket) ?? 0;
  if (first <= 0) throw refused('fork', -first);
  return first;
}

/** Node tells why only later, by an event: it is a file that cannot be run, fds that are short, or processes. */
function notStarted(program: string): MountError {
  const call = { syscall: 'spawn', arguments: [quote(program)], path: program };
  try {
    accessSync(program, files.X_OK);
  } catch (error) {
    return refusal((error as NodeJS.ErrnoException).errno ?? -constants.errno.EACCES, call, SUBJECT);
  }
  const ends = native.sys.socketpair();
  if (typeof ends === 'number') return refusal(ends, call, SUBJECT);
  for (const fd of ends) native.sys.close(fd);
  return refusal(-constants.errno.EAGAIN, call, SUBJECT);
}

/** `undefined`: it ended without a word. */
function readNumber(socket: OwnedFd): number | undefined {
  const bytes = Buffer.alloc(4);
  return readInto(socket, bytes) === bytes.length ? bytes.readInt32LE() : undefined;
}

function openNamespaces(procfs: Procfs, pid: number, wanted: NewNamespaces): OtherNamespaces {
  const flags = flagsOf(wanted);
  const kinds = OTHER_KINDS.filter((kind) => (flags & CLONE_BIT[kind]) !== 0);
  const others: { [kind in (typeof kinds)[number]]?: OwnedFd } = {};
  try {
    for (const kind of kinds) others[kind] = procfs.openLink(`${pid}/ns`, kind);
    return others;
  } catch (error) {
    for (const fd of Object.values(others)) fd.close();
    throw error;
  }
}

/** Then no process in the namespaces can reach the host by way of the one that keeps them. */
function letLeave(socket: OwnedFd, others: OtherNamespaces): void {
  try {
    writeText(socket, 'x', SUBJECT);
    if (readNumber(socket) !== 0) throw refused('child', 0);
  } catch (error) {
    for (const fd of Object.values(others)) fd?.close();
    throw error;
  }
}

/** Directly where that is permitted, else by newuidmap(1) and newgidmap(1), as /etc/subuid and /etc/subgid have it. */
function writeMaps(procfs: Procfs, pid: number, lines: MapLines): void {
  if (!mapsOwnIds(lines) && !mayMapAnyId(procfs)) {
    runMapper('newuidmap', pid, lines.uids);
    runMapper('newgidmap', pid, lines.gids);
    return;
  }
  writeFile(procfs, pid, 'uid_map', lines.uids);
  if (mapsOwnIds(lines)) writeFile(procfs, pid, 'setgroups', ['deny']);
  writeFile(procfs, pid, 'gid_map', lines.gids);
}

function writeFile(procfs: Procfs, pid: number, name: string, lines: readonly string[]): void {
  using file = procfs.open(`${pid}/${name}`, ['WRONLY']);
  const text = lines.map((line) => `${line.trim()}\n`).join('');
  try {
    writeText(file, text);
  } catch (error) {
    throw error instanceof MountError ? refused(name, error.errno) : error;
  }
}

function runMapper(program: 'newuidmap' | 'newgidmap', pid: number, lines: readonly string[]): void {
  const words = lines.flatMap((line) => line.trim().split(/\s+/));
  const { error, status, stderr } = spawnSync(program, [String(pid), ...words], { encoding: 'utf8' });
  if (!error && status === 0) return;
  const call = `${program} ${pid} ${words.join(' ')}`;
  // Where it could be started, it says why on standard error.
  const errno = -((error as NodeJS.ErrnoException | undefined)?.errno ?? -constants.errno.EPERM);
  const missing = errno === constants.errno.ENOENT;
  throw new MountError({
    code: errnoName(errno),
    errno,
    syscall: program,
    call,
    subject: 'the maps of a new user namespace',
    kernelLog: stderr === undefined || stderr === '' ? [] : stderr.trim().split('\n'),
    hint: missing
      ? `Ranges of ids are mapped by ${program}, which is not installed here: install the package uidmap, run as root, or map the own ids alone (userNamespace: 'self').`
      : `${program} maps what /etc/sub${program === 'newuidmap' ? 'uid' : 'gid'} grants this user.`,
  });
}

function refused(stage: string, errno: number): MountError {
  const code = errno > 0 ? errnoName(errno) : 'ECHILD';
  return new MountError({
    code,
    errno,
    meaning: errnoMeaning(errno),
    syscall: stage,
    call: stage,
    subject: SUBJECT,
    hint: hintFor(stage, code),
  });
}
