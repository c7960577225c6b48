import type { PathString } from '../model/mount.ts';

/** One `key` or `key=value` for fsconfig(2). */
export interface Parameter {
  readonly key: string;
  readonly value?: string;
}

/** A filesystem to try, and the paths to look for in it. */
export interface FilesystemQuestion {
  readonly type: string;
  readonly parameters: readonly Parameter[];
  /** One for the machine or a namespace of it: tried with the options already in force, never with others. */
  readonly window: boolean;
  /** Absolute paths in it. */
  readonly paths: ReadonlySet<PathString>;
}

/** What a plan wants to know of a host, worked out from tree and options alone. */
export interface HostQuestions {
  /** Host paths that the caller named, and the paths below each to look for (relative, no leading slash). */
  readonly sources: ReadonlyMap<PathString, ReadonlySet<PathString>>;
  /** By `filesystemKey`. */
  readonly filesystems: ReadonlyMap<string, FilesystemQuestion>;
  readonly destination?: PathString;
}
