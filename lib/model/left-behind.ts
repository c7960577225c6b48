/** A process of a namespace that stands, with its root or working directory, in what is not mounted there any more. */
export interface LeftBehind {
  readonly pid: number;
  /** Its name, as proc_pid_comm(5) has it. */
  readonly command: string;
  readonly at: readonly ('root' | 'cwd')[];
}

/** Who was left behind. */
export interface Leavers {
  /**
   * Where the root of a namespace was replaced: its processes that stand in the old tree all the same, as far as the
   * caller may see them. `undefined` when they could not be looked for: the tree stands all the same.
   */
  readonly leftBehind: readonly LeftBehind[] | undefined;
  /** Why they could not be looked for: the call that was refused. Only there with `leftBehind: undefined`. */
  readonly leftBehindUnknown?: string;
}
