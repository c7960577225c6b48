import { AT, formatFlags, MOUNT_ATTR, MOVE_MOUNT, MS, O, OPEN_TREE, RESOLVE } from '../../flags.ts';
import { bitsOf, type CallPlace, checked, type Flags, opened, type Place, placeOf } from './arguments.ts';
import { type Fd, fdNumber, fdText, type OwnedFd } from './fd.ts';
import { native } from './native.ts';

const OPEN_TREE_FLAGS = {
  CLONE: OPEN_TREE.CLONE,
  RECURSIVE: AT.RECURSIVE,
  NO_AUTOMOUNT: AT.NO_AUTOMOUNT,
  SYMLINK_NOFOLLOW: AT.SYMLINK_NOFOLLOW,
} as const;
const OPEN_TREE_NAMES = {
  OPEN_TREE_CLONE: OPEN_TREE.CLONE,
  OPEN_TREE_CLOEXEC: OPEN_TREE.CLOEXEC,
  AT_RECURSIVE: AT.RECURSIVE,
  AT_NO_AUTOMOUNT: AT.NO_AUTOMOUNT,
  AT_SYMLINK_NOFOLLOW: AT.SYMLINK_NOFOLLOW,
  AT_EMPTY_PATH: AT.EMPTY_PATH,
} as const;
const SETATTR_FLAGS = {
  RECURSIVE: AT.RECURSIVE,
  NO_AUTOMOUNT: AT.NO_AUTOMOUNT,
  SYMLINK_NOFOLLOW: AT.SYMLINK_NOFOLLOW,
} as const;
const PROPAGATION = {
  UNBINDABLE: MS.UNBINDABLE,
  PRIVATE: MS.PRIVATE,
  SLAVE: MS.SLAVE,
  SHARED: MS.SHARED,
} as const;
const ATTRIBUTES = { ...MOUNT_ATTR, __ATIME: 0x70 } as const;

export type OpenTreeFlag = keyof typeof OPEN_TREE_FLAGS;
export type MoveMountFlag = keyof typeof MOVE_MOUNT;
export type SetattrFlag = keyof typeof SETATTR_FLAGS;
export type MountAttribute = keyof typeof ATTRIBUTES;
export type PropagationName = keyof typeof PROPAGATION;
export type OpenFlag = keyof typeof O;
export type ResolveFlag = keyof typeof RESOLVE;

/** What mount_setattr(2) and open_tree_attr(2) change. */
export interface AttributeChange {
  /** MOUNT_ATTR bits to set; a change of the atime mode also clears `__ATIME`. */
  readonly set?: Flags<MountAttribute>;
  readonly clear?: Flags<MountAttribute>;
  readonly propagation?: PropagationName;
  /** The user namespace whose map an idmapped mount takes (`set: ['IDMAP']`). */
  readonly userNamespace?: Fd;
}

/**
 * open_tree(2): the mount or file at a place as an O_PATH fd, or with `CLONE` a detached copy of the mount tree.
 * @throws {MountError} EINVAL for a clone of what is unbindable or locked; ENOSPC at user.max_mnt_namespaces.
 */
export function openTree(place: Place, flags: Flags<OpenTreeFlag> = 0): OwnedFd {
  const at = placeOf(place);
  const bits = (bitsOf(flags, OPEN_TREE_FLAGS) | OPEN_TREE.CLOEXEC | emptyPath(at)) >>> 0;
  return opened(native.sys.openTree(at.dirfd, at.bytes, bits), at.path(), () => ({
    syscall: 'open_tree',
    arguments: [...at.texts(), formatFlags(bits, OPEN_TREE_NAMES)],
    path: at.path(),
  }));
}

/**
 * open_tree_attr(2): {@link openTree} and {@link mountSetattr} in one; it can also replace an idmap on a clone.
 * @throws {MountError} ENOSYS before Linux 6.15.
 */
export function openTreeAttr(place: Place, change: AttributeChange, flags: Flags<OpenTreeFlag> = 0): OwnedFd {
  const at = placeOf(place);
  const bits = (bitsOf(flags, OPEN_TREE_FLAGS) | OPEN_TREE.CLOEXEC | emptyPath(at)) >>> 0;
  const attr = attributeChange(change);
  const answer = native.sys.openTreeAttr(at.dirfd, at.bytes, bits, attr.words);
  return opened(answer, at.path(), () => ({
    syscall: 'open_tree_attr',
    arguments: [...at.texts(), formatFlags(bits, OPEN_TREE_NAMES), attr.text()],
    path: at.path(),
  }));
}

/**
 * move_mount(2): attaches a detached mount, or moves an attached one. A place that is an fd stands for the mount
 * itself. `SET_GROUP` gives `to` the peer group and master of `from`; `BENEATH` places under the top mount.
 * @throws {MountError} EINVAL when the kernel will not move it there; ENOSPC at fs.mount-max.
 */
export function moveMount(from: Place, to: Place, flags: Flags<MoveMountFlag> = 0): void {
  const source = placeOf(from);
  const target = placeOf(to);
  const bits =
    bitsOf(flags, MOVE_MOUNT) |
    (source.empty ? MOVE_MOUNT.F_EMPTY_PATH : 0) |
    (target.empty ? MOVE_MOUNT.T_EMPTY_PATH : 0);
  checked(native.sys.moveMount(source.dirfd, source.bytes, target.dirfd, target.bytes, bits), () => ({
    syscall: 'move_mount',
    arguments: [...source.texts(), ...target.texts(), formatFlags(bits, MOVE_MOUNT, 'MOVE_MOUNT_')],
    path: source.path(),
    dest: target.path(),
  }));
}

/**
 * mount_setattr(2): changes attributes and propagation of the mount at a place, or with `RECURSIVE` of all below it.
 * @throws {MountError} EINVAL when the place is not the root of a mount; EPERM for what a user namespace locks.
 */
export function mountSetattr(place: Place, change: AttributeChange, flags: Flags<SetattrFlag> = 0): void {
  const at = placeOf(place);
  const bits = (bitsOf(flags, SETATTR_FLAGS) | emptyPath(at)) >>> 0;
  const attr = attributeChange(change);
  checked(native.sys.mountSetattr(at.dirfd, at.bytes, bits, attr.words), () => ({
    syscall: 'mount_setattr',
    arguments: [...at.texts(), formatFlags(bits, AT, 'AT_'), attr.text()],
    path: at.path(),
  }));
}

/**
 * openat2(2): opens a file, close-on-exec, with rules on what the path may go through.
 * @throws {MountError} ELOOP for a symlink, EXDEV for a mount or an escape that `resolve` forbids.
 */
export function openat2(
  place: Place,
  options: {
    readonly flags?: Flags<OpenFlag>;
    readonly mode?: number;
    readonly resolve?: Flags<ResolveFlag>;
  } = {},
): OwnedFd {
  const at = placeOf(place);
  const flags = (bitsOf(options.flags, O) | O.CLOEXEC) >>> 0;
  const resolve = bitsOf(options.resolve, RESOLVE);
  const mode = options.mode ?? 0;
  const answer = native.sys.openat2(at.dirfd, at.bytes, BigInt(flags), BigInt(mode), BigInt(resolve));
  return opened(answer, at.path(), () => ({
    syscall: 'openat2',
    arguments: [
      ...at.texts(),
      `{flags=${formatFlags(flags, O, 'O_')}, mode=0${mode.toString(8)}, resolve=${formatFlags(resolve, RESOLVE, 'RESOLVE_')}}`,
    ],
    path: at.path(),
  }));
}

function emptyPath(at: CallPlace): number {
  return at.empty ? AT.EMPTY_PATH : 0;
}

function attributeChange(change: AttributeChange) {
  const set = bitsOf(change.set, ATTRIBUTES);
  const clear = bitsOf(change.clear, ATTRIBUTES);
  const propagation = change.propagation === undefined ? 0 : bitsOf([change.propagation], PROPAGATION);
  const { userNamespace } = change;
  const userns = userNamespace === undefined ? 0 : fdNumber(userNamespace);
  return {
    words: BigUint64Array.of(BigInt(set), BigInt(clear), BigInt(propagation), BigInt(userns)),
    text() {
      const fields = [
        `attr_set=${formatFlags(set, MOUNT_ATTR, 'MOUNT_ATTR_')}`,
        `attr_clr=${formatFlags(clear, MOUNT_ATTR, 'MOUNT_ATTR_')}`,
        `propagation=${formatFlags(propagation, PROPAGATION, 'MS_')}`,
      ];
      if (userNamespace !== undefined) fields.push(`userns_fd=${fdText(userNamespace)}`);
      return `{${fields.join(', ')}}`;
    },
  };
}
