/** Restores in processes of their own that come to an early end, and what they leave on the host. */
import { spawn } from 'node:child_process';
import { existsSync, rmdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import type { RestoreSyncOptions } from '../../lib/system/restore/restore.ts';
import type { TestedEngine } from '../support/live.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';
import { children } from './state.ts';

const SCRIPT = fileURLToPath(new URL('restore-once.mjs', import.meta.url));

/** 500 mounts and more: of one superblock, one that follows a host mount, and one on a mount point made in that. */
const TABLE = [
  '1 0 0:1 / / rw,relatime - tmpfs root rw',
  ...Array.from({ length: 500 }, (_, i) => `${i + 10} 1 0:2 /d${i} /m${i} rw,relatime - tmpfs many rw`),
  '2 1 0:2 / /many rw,relatime shared:1 - tmpfs many rw',
  '3 1 0:3 / /followed rw,relatime master:2 - ext4 /dev/sda1 rw',
  '4 3 0:4 / /followed/made rw,relatime - tmpfs on-it rw',
  '',
].join('\n');
const SIZE = 504;

/** What a restore left: `effects` are those of the host that its plan announced. */
export type Left = 'nothing' | 'effects' | 'whole';

/** Of what memory there is little: bytes of address space beyond those in use, or what a cgroup has. */
export type Short = { readonly addressSpace: number } | { readonly cgroup: string };

interface Ending {
  /** `CALL:ACTION`, as native/sys/faults.h takes it. */
  readonly fault?: string;
  readonly killAfter?: number;
  /** Exits by itself: after so many milliseconds, or when the restore is so far. */
  readonly exit?: number | 'attached' | 'read back' | 'thrown';
  readonly short?: Short;
  /** `false`: what was built is not read back. */
  readonly verify?: boolean;
}

/** A private source to share, in which a mount point is missing, and a place to attach. */
export class HostOfEnded implements Disposable {
  readonly #scratch = new ScratchMount();
  readonly #disk = this.#scratch.tmpfs('disk');
  readonly #at = this.#scratch.directory('at');
  readonly #before = mountTable();

  constructor(readonly engine: TestedEngine) {}

  /** How the process ended, and what it said: how many calls it made, that it knew of its tree, or an error. */
  async restore({ fault = '0:0', killAfter, exit, short, verify = true }: Ending) {
    const options: RestoreSyncOptions = {
      verify,
      engine: this.engine,
      into: { at: this.#at },
      external: { '/followed': this.#disk },
      slaves: { '/followed': true },
      shareSources: true,
      makeMountPoints: true,
    };
    const env = { ...process.env, NODE_OPTIONS: '', MOUNTYARD_FAULT: fault };
    const child = spawn(process.execPath, [SCRIPT], {
      env,
      stdio: ['pipe', 'pipe', exit === 'thrown' || short ? 'ignore' : 'inherit'],
    });
    const ended = new Promise<NodeJS.Signals | number | null>((resolve) => {
      child.once('close', (status, signal) => resolve(status ?? signal));
    });
    child.stdin.on('error', () => {}); // it may be killed before it has read all
    child.stdin.end(JSON.stringify({ table: TABLE, options, exit, short }));
    let out = '';
    child.stdout.on('data', (data) => {
      out += String(data);
    });
    if (killAfter !== undefined) await delay(killAfter).then(() => child.kill('SIGKILL'));
    return { ended: await ended, calls: Number(out), told: out === 'told\n', said: out.trimEnd() };
  }

  /** What was left; it is taken away, and then all is as it was. */
  putBack(): Left {
    expect(children()).toEqual([]);
    const at = `${this.#at}/`;
    const attached = captureTree().mounts.filter(({ mountPoint }) => `${mountPoint}/`.startsWith(at));
    if (attached.length > 0) {
      expect(attached).toHaveLength(SIZE);
      sys.umount(this.#at, ['DETACH']);
    }
    const shared = captureTree().at(this.#disk)?.propagation.shared !== undefined;
    if (shared) sys.makePrivate(this.#disk);
    const made = existsSync(`${this.#disk}/made`);
    if (made) rmdirSync(`${this.#disk}/made`);
    expect(mountTable()).toBe(this.#before);
    if (attached.length > 0) return 'whole';
    return shared || made ? 'effects' : 'nothing';
  }

  [Symbol.dispose](): void {
    this.#scratch[Symbol.dispose]();
  }
}
