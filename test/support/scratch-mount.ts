import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as sys from '../../lib/sys.ts';

/** A private tmpfs in the test file's own mount namespace; it goes with all that is mounted in it. */
export class ScratchMount implements Disposable {
  readonly path: string;

  constructor() {
    this.path = mkdtempSync(join(tmpdir(), 'mountyard-kernel-'));
    sys.mount('scratch', this.path, { type: 'tmpfs', options: 'mode=755' });
  }

  /** A path in it. */
  at(name: string): string {
    return join(this.path, name);
  }

  /** A directory in it, made with those above it. */
  directory(name: string): string {
    mkdirSync(this.at(name), { recursive: true });
    return this.at(name);
  }

  /** An empty file in it. */
  file(name: string): string {
    writeFileSync(this.at(name), '');
    return this.at(name);
  }

  /** A tmpfs on a directory in it, with its name as the source. */
  tmpfs(name: string, options = ''): string {
    const path = this.directory(name);
    sys.mount(name, path, { type: 'tmpfs', options });
    return path;
  }

  [Symbol.dispose](): void {
    sys.umount(this.path, ['DETACH']);
    rmdirSync(this.path);
  }
}

/** The mount table of the test file's namespace, byte for byte. */
export function mountTable(): string {
  return readFileSync('/proc/thread-self/mountinfo', 'latin1');
}
