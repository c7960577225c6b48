import { readdirSync, readlinkSync } from 'node:fs';
import { afterEach, beforeEach, expect } from 'vitest';

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

/** In a describe block or a file: each test leaves the open fds as it found them. */
export function expectNoLeakedFds(): void {
  let before: string[] = [];
  beforeEach(() => {
    before = openFds();
  });
  afterEach(() => {
    expect(openFds()).toEqual(before);
  });
}
