import type { HostFacts } from '../model/facts.ts';
import { type Mount, UNREACHABLE } from '../model/mount.ts';

const NO_MOUNTS: readonly Mount[] = [];

/** The caller's mounts, by what they show and by what they stand on: looked through once, when first asked for. */
export class HostMounts {
  readonly #mounts: readonly Mount[];
  #wholes: Map<string, Mount> | undefined;
  #below: Map<number, Mount[]> | undefined;

  constructor({ hostMounts = NO_MOUNTS }: HostFacts) {
    this.#mounts = hostMounts;
  }

  /** The first that shows a whole filesystem of the type, and that a path leads to. */
  wholeOf(type: string): Mount | undefined {
    this.#wholes ??= firstWholes(this.#mounts);
    return this.#wholes.get(type);
  }

  /** What is mounted on one directly. */
  below({ id }: Mount): readonly Mount[] {
    this.#below ??= byParent(this.#mounts);
    return this.#below.get(id) ?? NO_MOUNTS;
  }
}

function firstWholes(mounts: readonly Mount[]): Map<string, Mount> {
  const wholes = new Map<string, Mount>();
  for (const mount of mounts) {
    if (mount.root !== '/' || mount.mountPoint === UNREACHABLE) continue;
    if (!wholes.has(mount.type)) wholes.set(mount.type, mount);
  }
  return wholes;
}

function byParent(mounts: readonly Mount[]): Map<number, Mount[]> {
  const below = new Map<number, Mount[]>();
  for (const mount of mounts) {
    if (mount.parentId === mount.id) continue;
    const known = below.get(mount.parentId);
    if (known) known.push(mount);
    else below.set(mount.parentId, [mount]);
  }
  return below;
}
