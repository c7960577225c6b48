import { readdirSync, readlinkSync } from 'node:fs';

/** What each open fd of this process stands for, without the one that reads the directory. */
export function openFds(): Map<number, string> {
  const fds = new Map<number, string>();
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      fds.set(Number(name), readlinkSync(`/proc/self/fd/${name}`));
    } catch {
      // It was the directory's own.
    }
  }
  return fds;
}
