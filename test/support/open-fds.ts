import { readdirSync, readlinkSync } from 'node:fs';

/** What each open fd of this process is, without the one that reads the list. */
export function openFds(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`];
    } catch {
      return [];
    }
  });
}
