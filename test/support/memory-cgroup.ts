import { existsSync, mkdtempSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the memory controller is, and the file that limits a cgroup of it: cgroup v1, or cgroup v2. */
const HIERARCHIES = [
  { top: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes' },
  { top: '/sys/fs/cgroup', limit: 'memory.max' },
];

/** A cgroup whose processes get so much memory and no more; it goes when they have ended. */
export class MemoryCgroup implements Disposable {
  readonly path: string;

  constructor(bytes: number) {
    const { path, limit } = makeCgroup();
    this.path = path;
    writeFileSync(join(path, limit), String(bytes));
  }

  static canBeMade(): boolean {
    try {
      rmdirSync(makeCgroup().path);
      return true;
    } catch {
      return false; // no controller, or no right to
    }
  }

  [Symbol.dispose](): void {
    rmdirSync(this.path);
  }
}

function makeCgroup(): { readonly path: string; readonly limit: string } {
  for (const { top, limit } of HIERARCHIES) {
    if (!existsSync(join(top, 'cgroup.procs'))) continue;
    const path = mkdtempSync(join(top, 'mountyard-'));
    if (existsSync(join(path, limit))) return { path, limit };
    rmdirSync(path);
  }
  throw new Error('no memory controller is mounted');
}
