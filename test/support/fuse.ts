import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import * as sys from '../../lib/sys.ts';

const FUSE = '/dev/fuse';
export const hasFuse = existsSync(FUSE);

/** Mounts an empty FUSE filesystem whose server is a child process: `fuse.SUBTYPE`. */
export class FuseMount implements Disposable {
  readonly #server: ChildProcess;

  /** @param mountAt runs the mount(2), in another namespace for instance. */
  constructor(
    source: string,
    path: string,
    subtype: string,
    mountAt: (mount: () => void) => void = (mount) => mount(),
  ) {
    const fd = openSync(FUSE, 'r+');
    const options = `fd=${fd},rootmode=40000,user_id=0,group_id=0`;
    mountAt(() => sys.mount(source, path, { type: `fuse.${subtype}`, options }));
    this.#server = spawn(process.execPath, [join(import.meta.dirname, 'fuse-server.cjs')], {
      stdio: ['ignore', 'ignore', 'inherit', fd],
    });
    closeSync(fd);
  }

  /** When the server ends: by itself, when the filesystem is mounted nowhere any more. */
  get ended(): Promise<unknown> {
    return new Promise((resolve) => this.#server.once('close', resolve));
  }

  /** Ends the server, and with it the connection: what is still mounted answers ENOTCONN. */
  [Symbol.dispose](): void {
    this.#server.kill('SIGKILL');
  }
}
