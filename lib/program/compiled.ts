import type { IdMap } from '../model/mount.ts';

/** What the compiler makes of a plan, and what `system/execute` needs to run it and to word its errors. */
export interface CompiledProgram {
  readonly bytes: Uint8Array;
  /** What each import slot holds, in slot order. */
  readonly imports: readonly Import[];
  /** What each export slot is handed back as, in slot order. */
  readonly exports: readonly Export[];
  /** For each op, main and then undo, the index of the step it belongs to; -1 for what belongs to none. */
  readonly stepOfOp: Int32Array;
  /** For each slot, what it stands for in listings and errors: `/dev/pts`, `tmpfs of /run`, `host:/srv/disk`. */
  readonly slotNames: readonly string[];
}

/** A fd that the caller opens and owns. */
export type Import =
  | { readonly kind: 'source'; readonly path: string; readonly of: 'path' | 'mount' }
  | { readonly kind: 'destination'; readonly path: string }
  /** The mount namespace that exists and that the tree is for. */
  | { readonly kind: 'namespace' }
  /** A procfs of the caller's own, checked by magic. */
  | { readonly kind: 'proc' }
  /** A user namespace whose maps an idmapped mount takes. */
  | { readonly kind: 'idmap'; readonly mount: number; readonly map: IdMap };

/**
 * The new mount namespace (nsfs), its mountinfo opened inside it, its root (O_PATH); of the first tree, the second, …
 * `destination`: the private bind that a tree was attached on. `undo`: a directory of the host in which something was
 * made, to take it back by; empty when fewer were needed.
 */
export interface Export {
  readonly name: 'namespace' | 'mountinfo' | 'root' | 'destination' | 'undo';
  /** Of 'undo', a number of its own. */
  readonly tree: number;
}
