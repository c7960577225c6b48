import { ProcfsError } from '../../errors.ts';
import { RESOLVE } from '../../flags.ts';
import { decodeBytes, encodeBytes } from '../../model/bytes.ts';
import { quote, refusal } from './arguments.ts';
import type { OwnedFd } from './fd.ts';
import { readWhole } from './files.ts';
import { statOpen } from './lookup.ts';
import { native } from './native.ts';
import { type OpenFlag, openat2 } from './tree.ts';

const PROC_SUPER_MAGIC = 0x9fa0n;
const PROC_ROOT_INODE = 1n;
/** What is mounted over a file of /proc, or is a symlink out of it, is not proc's own word. */
export const PROC_RESOLVE = RESOLVE.BENEATH | RESOLVE.NO_XDEV | RESOLVE.NO_MAGICLINKS;

/**
 * The procfs at /proc, checked to be one: a file system that only looks like it could tell anything of mounts,
 * maps and namespaces. Its files are opened below the fd, so that a mount over one of them is noticed.
 */
export class Procfs implements Disposable {
  private constructor(readonly root: OwnedFd) {}

  /** @throws {ProcfsError} when /proc is no procfs; {MountError} when it cannot be opened. */
  static open(): Procfs {
    const root = openat2('/proc', { flags: ['PATH', 'DIRECTORY'] });
    try {
      if (isProcfs(root)) return new Procfs(root);
    } catch (error) {
      root.close();
      throw error;
    }
    root.close();
    throw new ProcfsError(
      'what is mounted at /proc is no procfs, so nothing that it says is believed; mount one there',
    );
  }

  /** Opens a file or directory of it, through no mount and no link out of it. @throws {MountError} */
  open(path: string, flags: readonly OpenFlag[] = []): OwnedFd {
    return openat2({ at: this.root, path }, { flags, resolve: PROC_RESOLVE });
  }

  /** Opens what a magic link stands for: `openLink('self/ns', 'mnt')`. @throws {MountError} */
  openLink(directory: string, name: string, flags: readonly OpenFlag[] = []): OwnedFd {
    using parent = this.open(directory, ['PATH', 'DIRECTORY']);
    return openat2({ at: parent, path: name }, { flags });
  }

  /** What a link of it says, unfollowed: `readLink('thread-self/fd', '5')`. @throws {MountError} */
  readLink(directory: string, name: string): string {
    using parent = this.open(directory, ['PATH', 'DIRECTORY']);
    const target = native.sys.readlinkat(parent.number, encodeBytes(name));
    if (typeof target !== 'number') return decodeBytes(target);
    throw refusal(target, { syscall: 'readlinkat', arguments: [parent.toString(), quote(name)] });
  }

  /** The names in a directory of it. @throws {MountError} */
  names(path: string): string[] {
    using directory = this.open(path, ['DIRECTORY']);
    const names: string[] = [];
    for (;;) {
      const entries = native.sys.getdents(directory.number);
      if (typeof entries === 'number')
        throw refusal(entries, { syscall: 'getdents64', arguments: [directory.toString()] });
      if (entries.length === 0) return names;
      names.push(...namesIn(entries));
    }
  }

  /** The bytes of a file of it. @throws {MountError} */
  read(path: string): Buffer {
    using file = this.open(path);
    return readWhole(file);
  }

  /** Whether the calling thread has a capability in effect (capabilities(7)). */
  hasCapability(capability: bigint): boolean {
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(decodeBytes(this.read('thread-self/status')))?.[1];
    return effective !== undefined && (BigInt(`0x${effective}`) & (1n << capability)) !== 0n;
  }

  close(): void {
    this.root.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A second fd of what one is open on. @throws {MountError} */
export function reopen(fd: OwnedFd): OwnedFd {
  using procfs = Procfs.open();
  return procfs.openLink('self/fd', String(fd.number));
}

/** @throws {MountError} when the kernel does not tell. */
function isProcfs(root: OwnedFd): boolean {
  const { inode, mountRoot } = statOpen(root);
  const type = native.sys.fstatfsType(root.number);
  if (typeof type === 'number') throw refusal(type, { syscall: 'fstatfs', arguments: [root.toString()] });
  return inode === PROC_ROOT_INODE && mountRoot && type === PROC_SUPER_MAGIC;
}

/** Where struct linux_dirent64 has its length and its name (getdents64(2)). */
const ENTRY = { length: 16, name: 19 } as const;

function namesIn(entries: Uint8Array): string[] {
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const names: string[] = [];
  for (let at = 0; at < entries.length; at += view.getUint16(at + ENTRY.length, true)) {
    const start = at + ENTRY.name;
    names.push(decodeBytes(entries.subarray(start, entries.indexOf(0, start))));
  }
  return names;
}
