import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type NativeStat, native } from '../../lib/system/calls/native.ts';

const { sys } = native;
const { EBADF, EINVAL, ENOENT } = constants.errno;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const LSMT_ROOT = -1n;
const LISTMOUNT_REVERSE = 1;
const STATMOUNT_MNT_BASIC = 2n;
const STATMOUNT_MNT_POINT = 0x10n;
const NS_GET_USERNS = 0xb701;

const bytes = (text: string) => Buffer.from(text);

let directory: string;
let top: number;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'mountyard-'));
  top = openSync(directory, 'r');
});

afterEach(() => {
  closeSync(top);
  rmSync(directory, { recursive: true });
});

/** A detached tmpfs. */
function tmpfs(): number {
  const context = sys.fsopen(bytes('tmpfs'), 1);
  expect(sys.fsconfig(context, 6, null, null, 0)).toBe(0);
  const mount = sys.fsmount(context, 1, 0);
  expect(sys.close(context)).toBe(0);
  expect(mount).toBeGreaterThan(2);
  return mount;
}

test('a failed call returns -errno', () => {
  expect(sys.umount2(bytes('/none'), 0)).toBe(-ENOENT);
  expect(sys.fchdir(-1)).toBe(-EBADF);
  expect(sys.mount(null, bytes('/none'), bytes('tmpfs'), 0n, null)).toBe(-ENOENT);
  expect(sys.setns(-1, 0)).toBe(-EBADF);
});

test('arguments are judged by type, and a NUL inside bytes is refused', () => {
  const untyped = sys as unknown as Record<string, (...args: unknown[]) => number>;
  expect(() => untyped.umount2?.('/', 0)).toThrow('argument 1: expects a Uint8Array');
  expect(() => untyped.umount2?.(bytes('/'), 0.5)).toThrow('argument 2: expects a 32-bit integer');
  expect(() => untyped.umount2?.(bytes('/\0a'), 0)).toThrow('argument 1: expects bytes without a NUL');
  expect(() => untyped.mount?.(null, bytes('/'), null, 0, null)).toThrow('argument 4: expects a bigint');
  expect(() => untyped.mount?.(undefined, bytes('/'), null, 0n, null)).toThrow(TypeError);
  expect(() => untyped.mountSetattr?.(-1, bytes(''), 0, BigUint64Array.of(1n))).toThrow(
    'argument 4: expects a BigUint64Array of 4',
  );
  expect(() => untyped.statmount?.(1n << 64n, 0n, 0n)).toThrow('argument 1: expects a bigint of 64 bits');
});

test('statx agrees with fstat, and knows a mount root', () => {
  const mount = tmpfs();
  const { dev, ino, mode, uid, gid } = fstatSync(mount, { bigint: true });
  const stat = sys.statx(mount, bytes(''), AT_EMPTY_PATH) as NativeStat;
  expect(stat).toMatchObject({
    device: dev,
    inode: ino,
    mode: Number(mode),
    uid: Number(uid),
    gid: Number(gid),
  });
  expect(stat.mountRoot).toBe(true);
  expect((sys.statx(top, bytes(''), AT_EMPTY_PATH) as NativeStat).mountRoot).toBe(false);
  expect(sys.statx(top, bytes('none'), 0)).toBe(-ENOENT);
  expect(sys.fstatfsType(mount)).toBe(0x01021994n);
  expect(sys.fstatfsType(-1)).toBe(-EBADF);
  closeSync(mount);
});

test('the mount calls build a tree, clone it and move it into place', () => {
  const mount = tmpfs();
  expect(sys.mkdirat(mount, bytes('a'), 0o755)).toBe(0);
  expect(sys.mountSetattr(mount, bytes(''), AT_EMPTY_PATH, BigUint64Array.of(1n, 0n, 0n, 0n))).toBe(0);
  const clone = sys.openTree(mount, bytes(''), 1 | AT_EMPTY_PATH | 0o2000000);
  expect(sys.mkdirat(clone, bytes('b'), 0o755)).toBe(-constants.errno.EROFS);
  expect(sys.moveMount(clone, bytes(''), AT_FDCWD, bytes(directory), 0x4)).toBe(0);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).toContain(` / ${directory} ro,`);
  expect(sys.umount2(bytes(directory), 2)).toBe(0);
  closeSync(clone);
  closeSync(mount);
});

test('the file calls make and remove', () => {
  expect(sys.mknodat(top, bytes('file'), 0o100600, 0n)).toBe(0);
  expect(sys.mknodat(top, bytes('device'), 0o020600, 1n << 32n)).toBe(-EINVAL);
  expect(sys.symlinkat(bytes('file'), top, bytes('link'))).toBe(0);
  expect(sys.openat2(top, bytes('link'), 0n, 0n, 0x4n)).toBe(-constants.errno.ELOOP); // RESOLVE_NO_SYMLINKS
  expect(sys.unlinkat(top, bytes('link'), 0)).toBe(0);
});

test('fsconfig never reads past a binary value', () => {
  const context = sys.fsopen(bytes('tmpfs'), 1);
  expect(sys.fsconfig(context, 2, bytes('k'), bytes('abc'), 4)).toBe(-EINVAL);
  expect(sys.fsconfig(context, 2, bytes('k'), null, 1)).toBe(-EINVAL);
  closeSync(context);
});

describe('statmount and listmount', () => {
  const ids = () => sys.listmount(LSMT_ROOT, 0n, 0) as BigUint64Array;

  test('list what mountinfo lists below the root', () => {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n');
    expect(ids().length).toBe(lines.length);
    expect([...(sys.listmount(LSMT_ROOT, 0n, LISTMOUNT_REVERSE) as BigUint64Array)]).toEqual(
      [...ids()].reverse(),
    );
  });

  test('go on past one batch', () => {
    const before = ids().length;
    const mount = tmpfs();
    const place = () => {
      const clone = sys.openTree(mount, bytes(''), 1 | AT_EMPTY_PATH | 0o2000000);
      const placed = sys.moveMount(clone, bytes(''), AT_FDCWD, bytes('/mnt'), 0x4);
      sys.close(clone);
      return placed;
    };
    for (let count = 0; count < 4500; ++count) if (place() !== 0) throw new Error('move_mount');
    expect(ids().length).toBe(before + 4500);
    expect(new Set(ids()).size).toBe(before + 4500);
    for (let count = 0; count < 4500; ++count) sys.umount2(bytes('/mnt'), 2);
    closeSync(mount);
  });

  test('answer with the bytes of struct statmount', () => {
    const id = ids().at(-1) as bigint;
    const answer = sys.statmount(id, 0n, STATMOUNT_MNT_BASIC | STATMOUNT_MNT_POINT) as Uint8Array;
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    expect(view.getUint32(0, true)).toBe(answer.byteLength);
    expect(view.getBigUint64(8, true)).toBe(STATMOUNT_MNT_BASIC | STATMOUNT_MNT_POINT);
    expect(view.getBigUint64(40, true)).toBe(id);
    expect(sys.statmount(1n << 62n, 0n, 0n)).toBe(-ENOENT);
  });
});

test('ioctl and pidfd_open give fds', () => {
  const namespace = openSync('/proc/self/ns/mnt', 'r');
  const user = sys.ioctl(namespace, NS_GET_USERNS);
  const pidfd = sys.pidfdOpen(process.pid, 0);
  expect(Math.min(user, pidfd)).toBeGreaterThan(2);
  for (const fd of [namespace, user, pidfd]) closeSync(fd);
});
