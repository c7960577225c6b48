import type { Terminal } from './terminal.ts';

/** One run of the command. */
export interface Session {
  readonly terminal: Terminal;
  /** What stands after `--` of `restore` and `exec`; `undefined` without `--`. */
  readonly guest: readonly string[] | undefined;
  /** What the process will exit with. */
  status: number;
}
