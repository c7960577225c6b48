import { readFileSync } from 'node:fs';

/** The tests' preload gives root a mount namespace of its own; without privilege nothing can be mounted. */
export const isRoot = process.geteuid?.() === 0;

/** Root of the machine, and not of a user namespace: may mount debugfs, make device nodes and share host mounts. */
export const isMachineRoot =
  isRoot && /^\s*0\s+0\s+4294967295$/m.test(readFileSync('/proc/self/uid_map', 'utf8'));
