import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import * as sys from '../../lib/sys.ts';
import { commandFiles, install } from './commands.ts';
import { ScratchMount } from './scratch-mount.ts';

export const LXC_TABLE = join(import.meta.dirname, '../tables/lxc-vivid.mountinfo');

/** The mount tree of an LXC container: five of its mounts are slaves of its host's. */
export function lxcTree() {
  return parseMountinfo(readFileSync(LXC_TABLE));
}

/** Where the table's slaves of host windows are mounted, by filesystem type. */
export const WINDOW_TARGETS = {
  fusectl: '/sys/fs/fuse/connections',
  debugfs: '/sys/kernel/debug',
  securityfs: '/sys/kernel/security',
  pstore: '/sys/fs/pstore',
} as const;
export type WindowType = keyof typeof WINDOW_TARGETS;
const WINDOW_TYPES = Object.keys(WINDOW_TARGETS) as WindowType[];

export interface LxcHostOptions {
  /** Mounts that are not shared: the disk, or windows. */
  readonly leavePrivate?: readonly ('disk' | WindowType)[];
  /** The engine that `options` and `words` ask for. */
  readonly engine?: RestoreOptions['engine'];
}

/**
 * A small host for the table, in the test's own namespace: a shared disk with the container's root directory and a
 * shell in it, a shared mount of each window that the container follows, and the tmpfs of cgmanager.
 */
export class LxcHost implements Disposable {
  readonly #scratch = new ScratchMount();
  readonly disk: string;
  readonly rootfs: string;
  readonly windows: Readonly<Record<WindowType, string>>;
  readonly cgmanager: string;

  readonly #engine: RestoreOptions['engine'];

  constructor({ leavePrivate = [], engine }: LxcHostOptions = {}) {
    this.#engine = engine;
    this.disk = this.#scratch.tmpfs('disk', 'mode=755');
    this.rootfs = join(this.disk, 'rootfs');
    for (const name of ['dev', 'proc', 'sys', 'run', 'mnt'])
      mkdirSync(join(this.rootfs, name), { recursive: true });
    install(this.rootfs, commandFiles('/bin/sh'));
    if (!leavePrivate.includes('disk')) sys.makeShared(this.disk);
    const mountWindow = (type: WindowType): [WindowType, string] => {
      const path = this.#scratch.directory(type);
      sys.mount(type, path, { type });
      if (!leavePrivate.includes(type)) sys.makeShared(path);
      return [type, path];
    };
    this.windows = Object.fromEntries(WINDOW_TYPES.map(mountWindow)) as Record<WindowType, string>;
    this.cgmanager = join(this.#scratch.tmpfs('manager', 'mode=755'), 'cgmanager');
    mkdirSync(this.cgmanager);
  }

  /** What the container followed on its host, and what supplies it here. */
  get slaves(): NonNullable<RestoreOptions['slaves']> {
    return {
      '/': true,
      ...Object.fromEntries(WINDOW_TYPES.map((type) => [WINDOW_TARGETS[type], this.windows[type]])),
    };
  }

  /** All that the table needs of this host. Kernels without sysrq have no file for its mount. */
  get options() {
    return {
      root: this.rootfs,
      external: { '/sys/fs/cgroup/cgmanager': this.cgmanager },
      slaves: this.slaves,
      skip: ['/proc/sysrq-trigger'],
      dev: '/dev',
      ...(this.#engine && { engine: this.#engine }),
    } satisfies RestoreOptions;
  }

  /** The same as words of the command line. */
  get words(): string[] {
    const { root, external, slaves, skip, dev } = this.options;
    return [
      ...['--root', root, '--dev', dev],
      ...(this.#engine ? ['--engine', this.#engine] : []),
      ...skip.flatMap((target) => ['--skip', target]),
      ...Object.entries(external).flatMap(([target, source]) => ['--external', `${target}=${source}`]),
      ...Object.entries(slaves).flatMap(([target, source]) => [
        '--slave',
        source === true ? target : `${target}=${source}`,
      ]),
    ];
  }

  /** A directory on the host beside its mounts. */
  directory(name: string): string {
    return this.#scratch.directory(name);
  }

  [Symbol.dispose](): void {
    this.#scratch[Symbol.dispose]();
  }
}
