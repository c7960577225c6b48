import { MountyardError } from '../../errors.ts';
import type { Mount } from '../../model/mount.ts';
import type { RestoreOptions } from './options.ts';

/** What a host can fail to give. */
export type RequirementKind =
  | 'root' // the root mount's filesystem cannot be made afresh
  | 'external' // a mount that only the host can supply
  | 'master' // a master outside the tree
  | 'private-source' // the host mount to follow has no peer group
  | 'wrong-superblock' // the host mount to follow is of another superblock, or too narrow
  | 'source' // a host path that the caller named is not there, or of the wrong kind
  | 'path' // a path that this kernel's filesystem lacks
  | 'mount-point' // a mount point that a host filesystem lacks
  | 'node-kind' // a file where a directory is needed, or the other way round
  | 'filesystem' // a filesystem that cannot be made here
  | 'option' // a filesystem option that is not on the allow-list
  | 'window' // a second superblock of a type that the machine has once
  | 'group-root' // members of a peer group with no common wider root at hand
  | 'deleted-root' // a deleted root in a host filesystem
  | 'unreachable' // a mount of which nothing tells where it is mounted
  | 'idmap' // a map that the tree does not tell
  | 'device-nodes' // `dev` where device nodes cannot be made
  | 'destination' // the place to attach
  | 'engine' // a call that this kernel or sandbox lacks
  | 'privilege';

/** A way to meet a requirement. */
export interface Cure {
  readonly option: keyof RestoreOptions | 'run';
  /** As typed on the command line: `--external /data=SOURCE`. */
  readonly cli: string;
  /** What it does, in a few words. */
  readonly effect: string;
}

/** One thing that the tree needs and neither the options nor the host give. */
export interface Requirement {
  readonly kind: RequirementKind;
  /** The mounts that need it, the first one foremost; none for what the whole restore needs. */
  readonly mounts: readonly Mount[];
  readonly reason: string;
  readonly cures: readonly Cure[];
}

/** Thrown before any call that changes state; `requirements` has every one. */
export class UnmetRequirementsError extends MountyardError {
  readonly code = 'ERR_MOUNTYARD_UNMET';
  constructor(readonly requirements: readonly Requirement[]) {
    super(describe(requirements));
  }
}

function describe(requirements: readonly Requirement[]): string {
  const count = requirements.length === 1 ? '1 requirement is' : `${requirements.length} requirements are`;
  const lines = requirements.map((r) => {
    const cures = r.cures.map((cure) => `\n      ${cure.cli}  (${cure.effect})`).join('');
    return `  - ${r.reason}${cures}`;
  });
  return `${count} not met:\n${lines.join('\n')}`;
}
