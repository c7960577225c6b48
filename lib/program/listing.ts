/** Programs as a person reads them: one strace-like call an op. */
import {
  AT,
  CLONE,
  FSCONFIG,
  FSPICK,
  formatFlags,
  MNT,
  MOUNT_ATTR,
  MOUNT_ATTR_ATIME,
  MOVE_MOUNT,
  MS,
  O,
  OPEN_TREE,
  RENAME,
  RESOLVE,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../flags.ts';
import type { CompiledProgram } from './compiled.ts';
import { type DecodedOp, decodeOp, opCounts } from './decode.ts';

/** Every op of a program in order, the undo section after its heading; exact: it is read from the bytes. */
export function listProgram(program: CompiledProgram): string[] {
  const { main, undo } = opCounts(program.bytes);
  const lines: string[] = [];
  for (let op = 0; op < main; op += 1) lines.push(describeOp(program, op));
  if (undo > 0) lines.push('on failure, backwards, for what was done:');
  for (let op = main; op < main + undo; op += 1) {
    lines.push(`${describeOp(program, op)}  [undoes ${decodeOp(program.bytes, op).guard}]`);
  }
  return lines;
}

/** One op as the call it makes, and the slot that its fd goes to. */
export function describeOp(program: CompiledProgram, index: number): string {
  const { out } = decodeOp(program.bytes, index);
  const call = describeCall(program, index);
  return out < 0 ? call : `${call} = ${slotText(program)(out)}`;
}

/** One op as the call it makes: fds with what they stand for, flags by name. */
export function describeCall(program: CompiledProgram, index: number): string {
  const op = decodeOp(program.bytes, index);
  return `${CALL_NAMES[op.name] ?? op.name}(${callArguments(op, slotText(program)).join(', ')})`;
}

const CALL_NAMES: { readonly [name: string]: string } = { check: 'fstat' };

type SlotText = (slot: number) => string;

function slotText(program: CompiledProgram): SlotText {
  return (slot) => (slot < 0 ? 'AT_FDCWD' : `${slot}<${escaped(program.slotNames[slot] ?? '?')}>`);
}

function callArguments(op: DecodedOp, fd: SlotText): string[] {
  const { a, b, s1, s2, s3, n, f1, f2, f3 } = op;
  switch (op.name) {
    case 'mount':
      return [quote(s1), quote(s2), quote(s3), formatFlags(f1, MS, 'MS_'), quote(op.data)];
    case 'umount2':
      return [quote(s1), formatFlags(f1, { ...MNT }, 'MNT_')];
    case 'open_tree':
      return [fd(a), quote(s1), openTreeFlags(n)];
    case 'open_tree_attr':
      return [fd(a), quote(s1), openTreeFlags(n), attributes(op, fd)];
    case 'move_mount':
      return [fd(a), quote(s1), fd(b), quote(s2), moveFlags(n)];
    case 'mount_setattr':
      return [fd(a), quote(s1), formatFlags(n, AT, 'AT_'), attributes(op, fd)];
    case 'fsopen':
      return [quote(s1), n === 1 ? 'FSOPEN_CLOEXEC' : formatFlags(n, {})];
    case 'fsconfig':
      return [fd(a), `FSCONFIG_${nameOf(FSCONFIG, n)}`, quote(s1), quote(s2), b < 0 ? String(f1) : fd(b)];
    case 'fsmount':
      return [
        fd(a),
        n === 1 ? 'FSMOUNT_CLOEXEC' : formatFlags(n, {}),
        formatFlags(f1, MOUNT_ATTR, 'MOUNT_ATTR_'),
      ];
    case 'fspick':
      return [fd(a), quote(s1), formatFlags(n, FSPICK, 'FSPICK_')];
    case 'openat2':
      return [fd(a), quote(s1), openHow(f1, f2, f3)];
    case 'mkdirat':
      return [fd(a), quote(s1), octal(f1)];
    case 'mknodat':
      return [fd(a), quote(s1), fileMode(f1), ...(f2 === 0n ? [] : [deviceText(Number(f2))])];
    case 'symlinkat':
      return [quote(s1), fd(a), quote(s2)];
    case 'unlinkat':
      return [fd(a), quote(s1), formatFlags(n, { REMOVEDIR: AT.REMOVEDIR }, 'AT_')];
    case 'renameat2':
      return [fd(a), quote(s1), fd(b), quote(s2), formatFlags(n, RENAME, 'RENAME_')];
    case 'linkat':
      return [fd(a), quote(s1), fd(b), quote(s2), formatFlags(n, AT, 'AT_')];
    case 'fchmodat':
      return [fd(a), quote(s1), octal(f1), formatFlags(n, AT, 'AT_')];
    case 'fchownat':
      return [fd(a), quote(s1), String(f1), String(f2), formatFlags(n, AT, 'AT_')];
    case 'pivot_root':
      return [quote(s1), quote(s2)];
    case 'setns':
      return [fd(a), formatFlags(f1, CLONE, 'CLONE_')];
    case 'unshare':
      return [formatFlags(f1, CLONE, 'CLONE_')];
    case 'fchdir':
    case 'close':
      return [fd(a)];
    case 'chroot':
      return [quote(s1)];
    case 'check':
      return [fd(a), `{st_mode=${octal(f1)}, st_dev=${f2}, st_ino=${f3}}`];
  }
}

function attributes({ f1, f2, f3, b }: DecodedOp, fd: SlotText): string {
  const atime = BigInt(MOUNT_ATTR_ATIME);
  const fields: string[] = [];
  if (f1 !== 0n) fields.push(`attr_set=${formatFlags(f1, MOUNT_ATTR, 'MOUNT_ATTR_')}`);
  if (f2 !== 0n) {
    const whole = (f2 & atime) === atime;
    const names = [
      ...(whole ? ['MOUNT_ATTR__ATIME'] : []),
      ...(whole && (f2 & ~atime) === 0n
        ? []
        : [formatFlags(whole ? f2 & ~atime : f2, MOUNT_ATTR, 'MOUNT_ATTR_')]),
    ];
    fields.push(`attr_clr=${names.join('|')}`);
  }
  if (f3 !== 0n) fields.push(`propagation=${formatFlags(f3, MS, 'MS_')}`);
  if (b >= 0) fields.push(`userns_fd=${fd(b)}`);
  return `{${fields.join(', ')}}`;
}

function openTreeFlags(flags: number): string {
  return formatFlags(flags, {
    OPEN_TREE_CLONE: OPEN_TREE.CLONE,
    OPEN_TREE_CLOEXEC: OPEN_TREE.CLOEXEC,
    AT_EMPTY_PATH: AT.EMPTY_PATH,
    AT_RECURSIVE: AT.RECURSIVE,
    AT_SYMLINK_NOFOLLOW: AT.SYMLINK_NOFOLLOW,
    AT_NO_AUTOMOUNT: AT.NO_AUTOMOUNT,
  });
}

function moveFlags(flags: number): string {
  return formatFlags(flags, MOVE_MOUNT, 'MOVE_MOUNT_');
}

function openHow(flags: bigint, mode: bigint, resolve: bigint): string {
  const fields = [`flags=${formatFlags(flags, O, 'O_')}`];
  if (mode !== 0n) fields.push(`mode=${octal(mode)}`);
  if (resolve !== 0n) fields.push(`resolve=${formatFlags(resolve, RESOLVE, 'RESOLVE_')}`);
  return `{${fields.join(', ')}}`;
}

const FILE_TYPES = new Map([
  [S_IFREG, 'S_IFREG'],
  [S_IFCHR, 'S_IFCHR'],
  [S_IFBLK, 'S_IFBLK'],
  [S_IFIFO, 'S_IFIFO'],
  [S_IFSOCK, 'S_IFSOCK'],
]);

function fileMode(mode: bigint): string {
  const type = Number(mode) & S_IFMT;
  const name = FILE_TYPES.get(type) ?? octal(BigInt(type));
  return `${name}|${octal(mode & 0o7777n)}`;
}

function deviceText(device: number): string {
  return `makedev(${(device >> 8) & 0xfff}, ${(device & 0xff) | ((device >> 12) & ~0xff)})`;
}

function octal(value: bigint): string {
  return `0${value.toString(8)}`;
}

function nameOf(table: { readonly [name: string]: number }, value: number): string {
  return Object.entries(table).find(([, number]) => number === value)?.[0] ?? String(value);
}

function quote(text: string | undefined): string {
  return text === undefined ? 'NULL' : `"${escaped(text).replaceAll('"', '\\"')}"`;
}

/** Control characters and bytes that are no text, as C writes them. */
function escaped(text: string): string {
  return text.replace(/[\\\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (character === '\\') return '\\\\';
    if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}
