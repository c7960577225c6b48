import { readSync } from 'node:fs';
import { FSCONFIG, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC, FSPICK, formatFlags, MOUNT_ATTR } from '../../flags.ts';
import { decodeBytes } from '../../model/bytes.ts';
import {
  bitsOf,
  type CallPlace,
  callString,
  checked,
  type Flags,
  nullableString,
  opened,
  type Place,
  placeOf,
  quote,
} from './arguments.ts';
import { kernelWords } from './errno.ts';
import { type Fd, fdNumber, fdText, type OwnedFd } from './fd.ts';
import { native } from './native.ts';

const FSPICK_FLAGS = {
  SYMLINK_NOFOLLOW: FSPICK.SYMLINK_NOFOLLOW,
  NO_AUTOMOUNT: FSPICK.NO_AUTOMOUNT,
} as const;

/**
 * fsopen(2): a context in which a filesystem of a type is configured.
 * @throws {MountError} ENODEV when the kernel does not know the type.
 */
export function fsopen(type: string): OwnedFd {
  return opened(native.sys.fsopen(callString(type), FSOPEN_CLOEXEC), `${type} context`, () => ({
    syscall: 'fsopen',
    arguments: [quote(type), 'FSOPEN_CLOEXEC'],
  }));
}

/** fsconfig(FSCONFIG_SET_FLAG): an option without a value. @throws {MountError} EINVAL, `kernelLog` says why. */
export function fsconfigFlag(context: Fd, key: string): void {
  fsconfig(context, 'SET_FLAG', { key });
}

/** fsconfig(FSCONFIG_SET_STRING): `key=value`; the key `source` sets the source. */
export function fsconfigString(context: Fd, key: string, value: string): void {
  fsconfig(context, 'SET_STRING', { key, value });
}

/** fsconfig(FSCONFIG_SET_PATH): an option whose value is a path, which the kernel looks up at once. */
export function fsconfigPath(context: Fd, key: string, value: Place): void {
  const at = placeOf(value);
  fsconfig(context, at.empty ? 'SET_PATH_EMPTY' : 'SET_PATH', { key, at });
}

/** fsconfig(FSCONFIG_SET_FD): an option whose value is an open file. */
export function fsconfigFd(context: Fd, key: string, value: Fd): void {
  fsconfig(context, 'SET_FD', { key, aux: value });
}

/**
 * fsconfig(FSCONFIG_CMD_CREATE): makes the filesystem, or finds the one there is. `exclusive` refuses one that
 * exists (EBUSY).
 */
export function fsconfigCreate(context: Fd, options: { readonly exclusive?: boolean } = {}): void {
  fsconfig(context, options.exclusive ? 'CMD_CREATE_EXCL' : 'CMD_CREATE', {});
}

/** fsconfig(FSCONFIG_CMD_RECONFIGURE): puts the options into force on a filesystem from {@link fspick}. */
export function fsconfigReconfigure(context: Fd): void {
  fsconfig(context, 'CMD_RECONFIGURE', {});
}

interface Configuration {
  readonly key?: string;
  readonly value?: string;
  readonly aux?: Fd;
  readonly at?: CallPlace;
}

function fsconfig(context: Fd, command: keyof typeof FSCONFIG, { key, value, aux, at }: Configuration): void {
  const fd = fdNumber(context);
  const number = at?.dirfd ?? (aux === undefined ? 0 : fdNumber(aux));
  const bytes = at?.bytes ?? nullableString(value);
  checked(native.sys.fsconfig(fd, FSCONFIG[command], nullableString(key), bytes, number), () => {
    const [directory, path] = at?.texts() ?? [aux === undefined ? '0' : fdText(aux), quote(value)];
    return {
      syscall: 'fsconfig',
      arguments: [fdText(context), `FSCONFIG_${command}`, quote(key), path, directory],
      kernelLog: readKernelLog(fd),
    };
  });
}

/**
 * fsmount(2): a detached mount of the filesystem that the context made.
 * @throws {MountError} EBUSY when the context has made its mount; ENOSPC at user.max_mnt_namespaces.
 */
export function fsmount(context: Fd, attributes: Flags<keyof typeof MOUNT_ATTR> = 0): OwnedFd {
  const bits = bitsOf(attributes, MOUNT_ATTR);
  const name = typeof context === 'number' ? 'mount' : context.name.replace(/ context$/, '');
  return opened(native.sys.fsmount(fdNumber(context), FSMOUNT_CLOEXEC, bits), name, () => ({
    syscall: 'fsmount',
    arguments: [fdText(context), 'FSMOUNT_CLOEXEC', formatFlags(bits, MOUNT_ATTR, 'MOUNT_ATTR_')],
    kernelLog: readKernelLog(fdNumber(context)),
  }));
}

/** fspick(2): a context in which the filesystem of the mount at a place is configured again. */
export function fspick(place: Place, flags: Flags<keyof typeof FSPICK_FLAGS> = 0): OwnedFd {
  const at = placeOf(place);
  const bits = bitsOf(flags, FSPICK_FLAGS) | FSPICK.CLOEXEC | (at.empty ? FSPICK.EMPTY_PATH : 0);
  return opened(native.sys.fspick(at.dirfd, at.bytes, bits), `${at.path()} context`, () => ({
    syscall: 'fspick',
    arguments: [...at.texts(), formatFlags(bits, FSPICK, 'FSPICK_')],
    path: at.path(),
  }));
}

/** What the kernel said in words about a filesystem context: one message a read, ENODATA at the end. What cannot be
 * read is left out: the error is that of the call that was refused. */
function readKernelLog(context: number): string[] {
  const lines: string[] = [];
  const buffer = Buffer.alloc(1024);
  try {
    for (;;) lines.push(decodeBytes(buffer.subarray(0, readSync(context, buffer))));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).errno === undefined) throw error;
    return kernelWords(lines);
  }
}
