import { AT, MOVE_MOUNT, O, RESOLVE } from '../flags.ts';
import { NumberById } from '../model/by-id.ts';
import { ByteList } from '../model/byte-list.ts';
import type { PathString } from '../model/mount.ts';
import type { Group } from '../plan/groups/groups.ts';
import type { HostPath } from '../plan/host-path.ts';
import type { Script } from '../plan/steps/script.ts';
import type { OriginId } from '../plan/steps/steps.ts';
import { ProgramBuilder } from './builder.ts';
import type { CompiledProgram, Export, Import } from './compiled.ts';
import { cutAt, isTooLong } from './long-paths.ts';
import { exportKey, exportName, importKey, importName, type SlotKey } from './slot-keys.ts';

/** `open` and `creat` resolve beneath a fd this way: nothing is followed, nothing is left. */
export const BENEATH = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_MAGICLINKS | RESOLVE.NO_XDEV;

export const DIRECTORY_FLAGS = O.PATH | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC;

/** Both ends of a move_mount(2) are fds. */
export const BY_FD = MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_EMPTY_PATH;

/** How often a lookup that others disturb (EAGAIN of openat2) is tried again. */
export const RETRIES = 16;

/** What is made for a line of a script is fewer than so many in the mean; strings come after it. */
const OPS_A_LINE = 3;
const FEW = 64;

/** A path that one call can take, from a directory slot. */
export interface Reach {
  readonly directory: number;
  readonly path: string;
}

/** Emits ops for the step at hand, hands out slots and closes them. */
export class Emitter extends ProgramBuilder {
  readonly #slots = new Map<SlotKey, number>();
  readonly #sources = { path: new Map<PathString, number>(), mount: new Map<PathString, number>() };
  /** By mount id, and by origin id. */
  readonly #mounts: NumberById;
  readonly #origins: number[] = [];
  /** By the index of the group: what it was started with. */
  readonly #groups: number[] = [];
  readonly #names: string[] = [];
  /** By slot: 1 when it is closed. */
  readonly #done: ByteList;
  /** Directories that undoing needs, by slot and path. */
  readonly #held = new Map<string, number>();
  readonly #imports: readonly Import[];
  readonly #exports: readonly Export[];

  /** @param hasOpenTreeAttr whether one call clones a mount and gives the clone its attributes. */
  constructor(
    script: Script,
    imports: readonly Import[],
    exports: readonly Export[],
    readonly hasOpenTreeAttr: boolean,
  ) {
    super(OPS_A_LINE * script.length + FEW);
    this.#mounts = new NumberById(script.tree.list);
    this.#done = new ByteList(script.tree.size);
    this.#imports = imports;
    this.#exports = exports;
    for (const item of imports) {
      if (item.kind === 'source') this.addSource(item, importName(item));
      else this.slot(importKey(item), importName(item));
    }
    for (const item of exports) this.slot(exportKey(item.name, item.tree), exportName(item));
  }

  /** The slot of a key; a new one, named for listings, when the key has none. */
  slot(key: SlotKey, name: string): number {
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const slot = this.#names.push(name) - 1;
    this.#slots.set(key, slot);
    return slot;
  }

  /** The slot of a key that has one. */
  get(key: SlotKey): number {
    const slot = this.#slots.get(key);
    if (slot === undefined) throw new Error(`no slot for ${key}`);
    return slot;
  }

  /** Lets a key find a slot that is there already. */
  name(key: SlotKey, slot: number): void {
    this.#slots.set(key, slot);
  }

  has(key: SlotKey): boolean {
    return this.#slots.has(key);
  }

  /** The slot of what a group was started with. */
  group({ index, key }: Group): number {
    const slot = this.#groups[index];
    if (slot === undefined) throw new Error(`no slot for ${key}`);
    return slot;
  }

  setGroup({ index }: Group, slot: number): void {
    this.#groups[index] = slot;
  }

  /** The slot of a mount that has one. */
  mount(id: number): number {
    const slot = this.#mounts.get(id);
    if (slot === undefined) throw new Error(`no slot for mount ${id}`);
    return slot;
  }

  /** Gives a mount its slot; `slot`: one that is there already, of its origin or of an export. */
  setMount(id: number, slot: number): void {
    this.#mounts.set(id, slot);
  }

  /** The slot of a mount; a new one when it has none. */
  slotOfMount(id: number, name: string): number {
    const known = this.#mounts.get(id);
    if (known !== undefined) return known;
    const slot = this.temporary(name);
    this.#mounts.set(id, slot);
    return slot;
  }

  /** The slot of an origin that has one. */
  origin(id: OriginId): number {
    const slot = this.#origins[id];
    if (slot === undefined) throw new Error(`no slot for origin ${id}`);
    return slot;
  }

  setOrigin(id: OriginId, slot: number): void {
    this.#origins[id] = slot;
  }

  /** A new slot for a host path. */
  addSource({ of, path }: HostPath, name: string): number {
    const slot = this.temporary(name);
    this.#sources[of].set(path, slot);
    return slot;
  }

  source({ of, path }: HostPath): number {
    const slot = this.#sources[of].get(path);
    if (slot === undefined) throw new Error(`no slot for the host's ${path}`);
    return slot;
  }

  slotOfOrigin(id: OriginId, name: string): number {
    const known = this.#origins[id];
    if (known !== undefined) return known;
    const slot = this.temporary(name);
    this.#origins[id] = slot;
    return slot;
  }

  /** A slot that no key finds. */
  temporary(name: string): number {
    return this.#names.push(name) - 1;
  }

  /** Whether it is closed, or not the program's to close. */
  isDone(slot: number): boolean {
    return slot < this.#imports.length + this.#exports.length || this.#done.at(slot) === 1;
  }

  override close(slot: number): void {
    if (this.isDone(slot)) return;
    this.#done.set(slot, 1);
    super.close(slot);
  }

  /**
   * The directory slot, and the path from there, by which one call can take a path: what is longer than PATH_MAX is
   * walked piece by piece. {@link retreat} is to follow.
   */
  approach(directory: number, path: string): Reach {
    return isTooLong(path) ? this.#walk(directory, path) : { directory, path };
  }

  /** Lets go of where {@link approach} led. */
  retreat(start: number, { directory }: Reach): void {
    if (directory !== start) this.close(directory);
  }

  #walk(directory: number, path: string): Reach {
    let from = directory;
    let rest = path;
    while (isTooLong(rest)) {
      const cut = cutAt(rest);
      const s1 = rest.slice(0, cut);
      const out = this.temporary(s1);
      this.op('openat2', { a: from, s1, f1: DIRECTORY_FLAGS, f3: BENEATH, out, retries: RETRIES });
      if (from !== directory) this.close(from);
      from = out;
      rest = rest.slice(cut + 1);
    }
    return { directory: from, path: rest };
  }

  /** Calls `use` with what {@link approach} gives. */
  withinReach(directory: number, path: string, use: (directory: number, path: string) => void): void {
    const reach = this.approach(directory, path);
    use(reach.directory, reach.path);
    this.retreat(directory, reach);
  }

  /** An O_PATH fd of a directory below another, in whatever mount is there; the caller closes it. */
  crossing(directory: number, path: string): number {
    const out = this.temporary(path);
    this.withinReach(directory, path, (from, rest) => {
      this.op('openat2', {
        a: from,
        s1: rest,
        f1: DIRECTORY_FLAGS,
        f3: BENEATH & ~RESOLVE.NO_XDEV,
        out,
        retries: RETRIES,
      });
    });
    return out;
  }

  /** Calls `use` with an O_PATH fd of a path that must not lead through a symlink or another mount. */
  withResolved(directory: number, path: string, name: string, use: (slot: number) => void): void {
    this.withinReach(directory, path, (from, rest) => {
      const out = this.temporary(name);
      this.op('openat2', {
        a: from,
        s1: rest,
        f1: O.PATH | O.NOFOLLOW | O.CLOEXEC,
        f3: BENEATH,
        out,
        retries: RETRIES,
      });
      use(out);
      this.close(out);
    });
  }

  /** The directory at a path, '' being the first one, handed back because undoing needs it. */
  heldDirectory(directory: number, path: string): number {
    const key = `${directory}:${path}`;
    const known = this.#held.get(key);
    if (known !== undefined) return known;
    const out = this.get(exportKey('undo', this.#held.size));
    this.withinReach(directory, path === '' ? '.' : path, (from, rest) => {
      this.op('openat2', { a: from, s1: rest, f1: DIRECTORY_FLAGS, f3: BENEATH, out, retries: RETRIES });
    });
    this.#held.set(key, out);
    return out;
  }

  /** mount_setattr(2) on the mount that a fd stands for. */
  setattr(slot: number, set: number, clear: number, propagation: number, userns?: number): number {
    if (userns === undefined) {
      this.mountSetattr(slot, AT.EMPTY_PATH, set, clear, propagation);
      return this.opCount - 1;
    }
    const words = { f1: set, f2: clear, f3: propagation };
    return this.op('mount_setattr', { a: slot, s1: '', n: AT.EMPTY_PATH, ...words, b: userns });
  }

  finish(): CompiledProgram {
    const bytes = this.bytes({
      count: this.#names.length,
      imports: this.#imports.length,
      exports: this.#exports.length,
    });
    return {
      bytes,
      imports: this.#imports,
      exports: this.#exports,
      stepOfOp: this.stepOfOp,
      slotNames: this.#names,
    };
  }
}
