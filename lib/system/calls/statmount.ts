import { decodeBytes } from '../../model/bytes.ts';
import type { IdMap, IdRange, PathString } from '../../model/mount.ts';

/** What to ask statmount(2) for (STATMOUNT_ in linux/mount.h). */
export const STATMOUNT = {
  SB_BASIC: 0x1,
  MNT_BASIC: 0x2,
  PROPAGATE_FROM: 0x4,
  MNT_ROOT: 0x8,
  MNT_POINT: 0x10,
  FS_TYPE: 0x20,
  MNT_NS_ID: 0x40,
  MNT_OPTS: 0x80,
  FS_SUBTYPE: 0x100,
  SB_SOURCE: 0x200,
  OPT_ARRAY: 0x400,
  OPT_SEC_ARRAY: 0x800,
  SUPPORTED_MASK: 0x1000,
  MNT_UIDMAP: 0x2000,
  MNT_GIDMAP: 0x4000,
} as const;
export const STATMOUNT_ALL = 0x7fff;

/** What statmount(2) told of a mount; what it did not tell is absent. */
export interface MountStatus {
  /** STATMOUNT_ bits of what the kernel told. */
  readonly mask: bigint;
  readonly device?: string;
  readonly superMagic?: bigint;
  readonly superFlags?: number;
  readonly id?: bigint;
  readonly parentId?: bigint;
  /** The ids that mountinfo shows. */
  readonly oldId?: number;
  readonly oldParentId?: number;
  /** MOUNT_ATTR bits. */
  readonly attributes?: bigint;
  /** MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE bits. */
  readonly propagation?: bigint;
  readonly peerGroup?: bigint;
  readonly master?: bigint;
  readonly propagateFrom?: bigint;
  readonly root?: PathString;
  readonly mountPoint?: PathString;
  readonly type?: string;
  readonly subtype?: string;
  readonly source?: string;
  readonly namespaceId?: bigint;
  readonly options?: string;
  readonly optionArray?: readonly string[];
  readonly securityOptions?: readonly string[];
  readonly supportedMask?: bigint;
  readonly idmap?: IdMap;
}

/** Where `char str[]` begins in struct statmount. */
const STRINGS = 512;

/** Decodes the struct that statmount(2) fills (linux/mount.h). @throws {RangeError} for bytes that end before the fields do. */
export function decodeStatmount(bytes: Uint8Array): MountStatus {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (at: number) => view.getUint32(at, true);
  const u64 = (at: number) => view.getBigUint64(at, true);
  const text = (at: number) => decodeBytes(stringAt(bytes, STRINGS + u32(at)));
  const texts = (countAt: number, at: number) =>
    stringsAt(bytes, STRINGS + u32(at), u32(countAt)).map(decodeBytes);
  const mask = u64(8);
  const has = (bit: number) => (mask & BigInt(bit)) !== 0n;
  return {
    mask,
    ...(has(STATMOUNT.SB_BASIC) && {
      device: `${u32(16)}:${u32(20)}`,
      superMagic: u64(24),
      superFlags: u32(32),
    }),
    ...(has(STATMOUNT.MNT_BASIC) && {
      id: u64(40),
      parentId: u64(48),
      oldId: u32(56),
      oldParentId: u32(60),
      attributes: u64(64),
      propagation: u64(72),
      peerGroup: u64(80),
      master: u64(88),
    }),
    ...(has(STATMOUNT.PROPAGATE_FROM) && { propagateFrom: u64(96) }),
    ...(has(STATMOUNT.MNT_ROOT) && { root: text(104) }),
    ...(has(STATMOUNT.MNT_POINT) && { mountPoint: text(108) }),
    ...(has(STATMOUNT.MNT_NS_ID) && { namespaceId: u64(112) }),
    ...(has(STATMOUNT.FS_TYPE) && { type: text(36) }),
    ...(has(STATMOUNT.FS_SUBTYPE) && { subtype: text(120) }),
    ...(has(STATMOUNT.SB_SOURCE) && { source: text(124) }),
    ...(has(STATMOUNT.MNT_OPTS) && { options: text(4) }),
    ...(has(STATMOUNT.OPT_ARRAY) && { optionArray: texts(128, 132) }),
    ...(has(STATMOUNT.OPT_SEC_ARRAY) && { securityOptions: texts(136, 140) }),
    ...(has(STATMOUNT.SUPPORTED_MASK) && { supportedMask: u64(144) }),
    ...(has(STATMOUNT.MNT_UIDMAP) &&
      has(STATMOUNT.MNT_GIDMAP) && {
        idmap: { uid: texts(152, 156).map(idRange), gid: texts(160, 164).map(idRange) },
      }),
  };
}

function idRange(text: string): IdRange {
  const [inside = 0, outside = 0, length = 0] = text.split(' ').map(Number);
  return { inside, outside, length };
}

function stringAt(bytes: Uint8Array, start: number): Uint8Array {
  const end = bytes.indexOf(0, start);
  return bytes.subarray(start, end < 0 ? bytes.length : end);
}

/** As many as there are, should the count be more. */
function stringsAt(bytes: Uint8Array, start: number, count: number): Uint8Array[] {
  const strings: Uint8Array[] = [];
  for (let at = start; strings.length < count && at < bytes.length; ) {
    const string = stringAt(bytes, at);
    strings.push(string);
    at += string.length + 1;
  }
  return strings;
}
