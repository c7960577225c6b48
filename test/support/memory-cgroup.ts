import { existsSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { captureTree } from '../../lib/system/capture/capture.ts';

/** A hierarchy of the machine's with the memory controller in it; nothing of it is changed but what is made in it. */
export interface MemoryHierarchy {
  readonly top: string;
  /** The files that limit a cgroup, with what is written there for so many bytes. */
  limits(bytes: number): { readonly [file: string]: string };
}

const words = (file: string) => readFileSync(file, 'latin1').trim().split(/\s+/);

/** The first mount of a type that shows a whole hierarchy, and that no other mount covers. */
function mountOf(type: 'cgroup' | 'cgroup2', option?: string): string | undefined {
  const tree = captureTree();
  return tree.mounts.find(
    (mount) =>
      mount.type === type &&
      mount.root === '/' &&
      (option === undefined || mount.superOptions.split(',').includes(option)) &&
      tree.at(mount.mountPoint) === mount,
  )?.mountPoint;
}

function memoryOfV1(): MemoryHierarchy | string {
  const top = mountOf('cgroup', 'memory');
  return top === undefined
    ? 'no v1 hierarchy of the memory controller is mounted'
    : { top, limits: (bytes) => ({ 'memory.limit_in_bytes': String(bytes) }) };
}

/** A controller is in one hierarchy of the machine, and is handed down by each cgroup to those in it. */
function memoryOfV2(): MemoryHierarchy | string {
  const top = mountOf('cgroup2');
  if (top === undefined) return 'no cgroup2 is mounted';
  if (!words(join(top, 'cgroup.controllers')).includes('memory'))
    return 'the memory controller is not in the cgroup2 of this machine: a v1 hierarchy has it, or none';
  if (!words(join(top, 'cgroup.subtree_control')).includes('memory'))
    return 'the root cgroup does not hand the memory controller down (cgroup.subtree_control)';
  return { top, limits: (bytes) => ({ 'memory.max': String(bytes), 'memory.swap.max': '0' }) };
}

/** Where memory can be limited, by the version of cgroups; or why it cannot. */
export const MEMORY_HIERARCHIES = { v1: usable(memoryOfV1), v2: usable(memoryOfV2) };

function usable(find: () => MemoryHierarchy | string): MemoryHierarchy | string {
  const found = find();
  if (typeof found === 'string') return found;
  try {
    rmdirSync(mkdtempSync(join(found.top, 'mountyard-')));
    return found;
  } catch (error) {
    return String(error);
  }
}

/** A cgroup whose processes get so much memory and no more; they have to end before it does. */
export class MemoryCgroup implements AsyncDisposable {
  readonly path: string;

  constructor({ top, limits }: MemoryHierarchy, bytes: number) {
    this.path = mkdtempSync(join(top, 'mountyard-'));
    for (const [file, text] of Object.entries(limits(bytes))) {
      if (existsSync(join(this.path, file))) writeFileSync(join(this.path, file), text); // swap need not be
    }
  }

  /** Processes that have just ended leave it a moment later. */
  async [Symbol.asyncDispose](): Promise<void> {
    await vi.waitFor(() => rmdirSync(this.path));
  }
}
