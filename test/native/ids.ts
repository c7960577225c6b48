import { readFileSync } from 'node:fs';

/** Whether this process may take and map any id: root outside of a user namespace. */
export const hasEveryId =
  process.getuid?.() === 0 && /^\s*0\s+0\s+4294967295$/m.test(readFileSync('/proc/self/uid_map', 'latin1'));

/** An id to map to root: another than this process's own, where that may be. */
export const otherId = hasEveryId ? 65534 : 0;
