import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { ScratchMount } from './scratch-mount.ts';

/** A root filesystem that a stranger made, and beside it, on the same filesystem, what must not be touched. */
export class HostileRootfs implements Disposable {
  readonly scratch = new ScratchMount();
  readonly path = this.scratch.directory('rootfs');
  readonly outside = this.scratch.directory('outside');

  constructor() {
    mkdirSync(join(this.outside, 'b/c'), { recursive: true });
    writeFileSync(join(this.outside, 'file'), 'of the host');
  }

  in(path: string): string {
    return join(this.path, path);
  }

  directory(path: string): void {
    mkdirSync(this.in(path), { recursive: true });
  }

  file(path: string): void {
    mkdirSync(dirname(this.in(path)), { recursive: true });
    writeFileSync(this.in(path), '');
  }

  /** Puts a symlink in the place of whatever is there. */
  link(path: string, target: string): void {
    rmSync(this.in(path), { recursive: true, force: true });
    mkdirSync(dirname(this.in(path)), { recursive: true });
    symlinkSync(target, this.in(path));
  }

  /** Nothing was made, removed or mounted outside. */
  expectNothingOutside(): void {
    expect(pathsBelow(this.outside)).toEqual(['b', 'b/c', 'file']);
    const mounted = captureTree().mounts.filter(({ mountPoint }) => mountPoint.startsWith(this.scratch.path));
    expect(mounted.map(({ mountPoint }) => mountPoint)).toEqual([this.scratch.path]);
  }

  /** All paths in the rootfs. */
  list(): string[] {
    return pathsBelow(this.path);
  }

  [Symbol.dispose](): void {
    this.scratch[Symbol.dispose]();
  }
}

/** Node's own recursion follows symlinks. */
function pathsBelow(directory: string, prefix = ''): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(prefix, entry.name);
      return entry.isDirectory() ? [path, ...pathsBelow(join(directory, entry.name), path)] : [path];
    })
    .sort();
}

/** Where a symlink `depth` directories below a rootfs may lead, by what kind of link it is. */
export function hostileTargets(rootfs: HostileRootfs, depth: number): { readonly [kind: string]: string } {
  return {
    absolute: rootfs.outside,
    relative: `${'../'.repeat(depth + 1)}outside`,
    'up too far': `${'../'.repeat(40)}${rootfs.outside}`,
    dangling: join(rootfs.outside, 'new'),
    'to another place in it': `${'../'.repeat(depth)}other`,
    magic: `/proc/self/root${rootfs.outside}`,
    'magic, of process 1': '/proc/1/root/tmp',
    'to itself': '.',
    'to the directory above': '..',
    endless: 'c',
  };
}
