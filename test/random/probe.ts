import { mkdirSync } from 'node:fs';
import type { MountTree } from '../../lib/model/tree.ts';
import * as sys from '../../lib/sys.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { inside } from '../support/inside.ts';
import { bytes, refusalOf } from './actions.ts';
import { canonical, lineDifferences, readRaw } from './compare-raw.ts';
import type { Workshop } from './world.ts';

interface Probe {
  readonly captured: readonly MountTree[];
  readonly choice: number;
  /** The original namespaces and what was restored of them. */
  readonly sets: readonly (readonly MountNamespace[])[];
  readonly workshop: Workshop;
}

interface Result {
  readonly outcome: string;
  readonly lines: readonly string[];
}

interface Outcome {
  readonly what: string;
  readonly differences: readonly string[];
}

/**
 * Mounts something at the same place of the original and of each that was restored, and unmounts it again. The copies
 * that the kernel makes tell whether groups and masters are what they seem to be.
 */
export function probeCopies({ captured, choice, sets, workshop }: Probe): Outcome {
  const candidates = captured.flatMap((tree, index) =>
    tree.mounts
      .filter((mount) => mount.kind === 'directory' && tree.at(mount.mountPoint) === mount)
      .map(({ mountPoint }) => ({ index, mountPoint })),
  );
  const chosen = candidates[choice % candidates.length];
  if (!chosen) return { what: 'no place', differences: [] };
  const covers = captured.map(
    (tree) => tree.mounts.filter(({ mountPoint }) => mountPoint === '/').length - 1,
  );
  const results = sets.map((namespaces): Result => {
    const namespace = namespaces[chosen.index] as MountNamespace;
    const lines: string[] = [];
    const look = (when: string) => {
      for (const line of canonical(readRaw(namespaces, workshop)).lines) lines.push(`${when}, ${line}`);
    };
    const { outcome, place } = inside(namespace, () => mountAt(chosen.mountPoint));
    look('mounted');
    const unmounted = inside(namespace, () => attempt(() => sys.umount(place)));
    look('unmounted');
    uncover(namespaces, covers);
    if (covers.some((number) => number > 0)) look('uncovered');
    return { outcome: `${outcome}, unmount ${unmounted}`, lines };
  });
  const [first, ...others] = results;
  const differences = others.flatMap(({ outcome, lines }, index) => {
    const found = lineDifferences(first?.lines ?? [], lines);
    if (outcome !== first?.outcome) found.push(`- ${first?.outcome}`, `+ ${outcome}`);
    return found.length > 0 ? [`restored tree ${index + 1}, probed at ${chosen.mountPoint}`, ...found] : [];
  });
  return { what: first?.outcome ?? '', differences };
}

/** Takes off what is mounted over the roots: what they hide is in no process's mountinfo. */
function uncover(namespaces: readonly MountNamespace[], covers: readonly number[]): void {
  namespaces.forEach((namespace, index) => {
    for (let left = covers[index] ?? 0; left > 0; left -= 1) {
      inside(namespace, () => attempt(() => sys.umount('/', ['DETACH'])));
    }
  });
}

function mountAt(mountPoint: string): { readonly outcome: string; readonly place: string } {
  const directory = `${mountPoint === '/' ? '' : mountPoint}/probe`;
  const answer = attempt(() => mkdirSync(bytes(directory)));
  // What an idmapped mount refuses for an owner that it does not show, it refuses root's too, for another reason.
  const made = answer === 'EOVERFLOW' ? 'EACCES' : answer;
  const place = made === 'done' ? directory : mountPoint;
  const mounted = attempt(() => sys.mount('probe', place, { type: 'tmpfs' }));
  return { outcome: `directory ${made}, mount ${mounted}`, place };
}

function attempt(action: () => void): string {
  try {
    action();
    return 'done';
  } catch (error) {
    const code = refusalOf(error);
    if (code === undefined) throw error;
    return code;
  }
}
