import { MalformedTreeError, ParseError, UsageError } from '../errors.ts';
import { UnmetRequirementsError } from '../plan/options/requirements.ts';

/** What the command exits with. */
export const STATUS = {
  /** Done, and the same. */
  same: 0,
  /** Done, or not run, because there are differences. */
  different: 1,
  /** Bad usage or malformed input. */
  usage: 2,
  /** The host does not give what the tree needs; no call was made that changes state. */
  unmet: 3,
  /** A call failed; everything was taken back. */
  failed: 4,
} as const;

/** With COMMAND, as chroot(1) has it; else COMMAND's own status. */
export const COMMAND_STATUS = { failed: 125, notRunnable: 126, notFound: 127 } as const;

export function statusOf(error: unknown): number {
  if (error instanceof UsageError || error instanceof ParseError || error instanceof MalformedTreeError) {
    return STATUS.usage;
  }
  return error instanceof UnmetRequirementsError ? STATUS.unmet : STATUS.failed;
}
