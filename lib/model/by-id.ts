import type { Mount } from './mount.ts';

/** Ids so many times as many as the mounts still make a list that is mostly full. */
const SPARSE = 8;
const FEW = 1024;

/** Of lists that were asked about: there are many indices of one tree. */
const HIGHEST = new WeakMap<readonly Mount[], number>();

function highestId(mounts: readonly Mount[]): number {
  const known = HIGHEST.get(mounts);
  if (known !== undefined) return known;
  let highest = 0;
  for (const { id } of mounts) if (id > highest) highest = id;
  HIGHEST.set(mounts, highest);
  return highest;
}

function areDense(mounts: readonly Mount[]): boolean {
  return highestId(mounts) < SPARSE * mounts.length + FEW;
}

/** Something for each mount, or some, by its id. */
export interface OfMounts<T> {
  get(id: number): T | undefined;
}

/**
 * {@link OfMounts}, to be filled: a list where ids are small numbers, as the kernel's mostly are, else a map; neither
 * until there is something.
 */
export class ById<T> implements OfMounts<T> {
  readonly #highest: number;
  readonly #isDense: boolean;
  #list: (T | undefined)[] | undefined;
  #map: Map<number, T> | undefined;

  constructor(mounts: readonly Mount[]) {
    this.#highest = highestId(mounts);
    this.#isDense = areDense(mounts);
  }

  get(id: number): T | undefined {
    return this.#list ? this.#list[id] : this.#map?.get(id);
  }

  has(id: number): boolean {
    return this.get(id) !== undefined;
  }

  /** @param id of one of the mounts. */
  set(id: number, value: T): void {
    if (this.#list) this.#list[id] = value;
    else this.#setFirst(id, value);
  }

  #setFirst(id: number, value: T): void {
    if (this.#isDense) {
      this.#list = new Array(this.#highest + 1);
      this.#list[id] = value;
    } else {
      this.#map ??= new Map();
      this.#map.set(id, value);
    }
  }
}

/** {@link ById} for whole numbers from 0: outside the heap, where ids are small. */
export class NumberById implements OfMounts<number> {
  readonly #mounts: readonly Mount[];
  /** One more than each number: 0 where there is none. */
  #list: Int32Array | undefined;
  #map: Map<number, number> | undefined;

  constructor(mounts: readonly Mount[]) {
    this.#mounts = mounts;
  }

  get(id: number): number | undefined {
    if (!this.#list) return this.#map?.get(id);
    const more = this.#list[id];
    return more ? more - 1 : undefined;
  }

  has(id: number): boolean {
    return this.get(id) !== undefined;
  }

  /** @param id of one of the mounts. */
  set(id: number, value: number): void {
    if (!this.#list && !this.#map) this.#makeRoom();
    if (this.#list) this.#list[id] = value + 1;
    else this.#map?.set(id, value);
  }

  #makeRoom(): void {
    if (areDense(this.#mounts)) this.#list = new Int32Array(highestId(this.#mounts) + 1);
    else this.#map = new Map();
  }
}
