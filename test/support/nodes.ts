import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { encodeBytes } from '../../lib/model/bytes.ts';
import * as sys from '../../lib/sys.ts';
import { native } from '../../lib/system/calls/native.ts';

const AT_FDCWD = -100;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFBLK = 0o060000;
export const S_IFSOCK = 0o140000;

/** A FIFO, socket or device with exactly this mode: the umask is set aside. */
export function makeNode(path: string, mode: number, device = 0n): void {
  expect(native.sys.mknodat(AT_FDCWD, encodeBytes(path), mode, device)).toBe(0);
}

/** Binds what is no directory onto a plain file that is made for it. */
export function bindFile(from: string, to: string): void {
  writeFileSync(to, '');
  sys.bind(from, to);
}

/** Binds a path as it is, a symlink itself too, onto another. */
export function bindNode(from: string, to: string): void {
  using clone = sys.openTree(from, ['CLONE', 'SYMLINK_NOFOLLOW']);
  sys.moveMount(clone, to);
}
