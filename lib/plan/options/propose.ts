/** Options that a host's own mount table suggests: proposals only, for the caller to give. */
import type { HostFacts } from '../../model/facts.ts';
import { type Mount, nameOf, type PathString } from '../../model/mount.ts';
import { joinPath, relativePath } from '../../model/paths.ts';
import { MountTree } from '../../model/tree.ts';
import { filesystemRole } from '../filesystems.ts';
import { requirements } from '../resolve.ts';
import { targetName } from './cures.ts';
import type { RestoreOptions, TargetName } from './options.ts';
import type { Requirement } from './requirements.ts';

export interface Proposal {
  readonly option: 'root' | 'external' | 'slaves';
  readonly target: TargetName;
  readonly source: PathString;
  /** As typed on the command line. */
  readonly cli: string;
  readonly because: string;
}

/**
 * For each unmet root, external mount and master, the host mount that most likely was meant; what nothing matches is
 * left out. Nothing is bound by it: a snapshot is untrusted, and only the caller can say yes.
 */
export function proposeOptions(tree: MountTree, options: RestoreOptions, facts: HostFacts): Proposal[] {
  const host = new MountTree(facts.hostMounts ?? []);
  return requirements(tree, options, facts).flatMap((requirement) => propose(tree, host, requirement) ?? []);
}

function propose(tree: MountTree, host: MountTree, requirement: Requirement): Proposal | undefined {
  const mount = requirement.mounts[0];
  if (!mount) return undefined;
  const option = optionFor(requirement);
  const match = option && findMatch(host, mount, option);
  if (!option || !match) return undefined;
  const source = joinPath(match.on.mountPoint, relativePath(match.on.root, mount.root) ?? '');
  const target = targetName(tree, mount);
  const value = option === 'root' ? source : `${target}=${source}`;
  const flag = { root: '--root', external: '--external', slaves: '--slave' }[option];
  return {
    option,
    target,
    source,
    cli: `${flag} ${quoted(value)}`,
    because: `${nameOf(mount)}: ${match.because}`,
  };
}

function optionFor(requirement: Requirement): Proposal['option'] | undefined {
  if (requirement.kind === 'root' || requirement.kind === 'external') return requirement.kind;
  return requirement.kind === 'master' ? 'slaves' : undefined;
}

interface Match {
  readonly on: Mount;
  readonly because: string;
}

/** The host mount that shows what the mount shows: best the one it names, else one that looks the same. */
function findMatch(host: MountTree, mount: Mount, option: Proposal['option']): Match | undefined {
  const showing = host.mounts.filter(
    (other) =>
      other.type === mount.type &&
      !other.deleted &&
      relativePath(other.root, mount.root) !== undefined &&
      host.at(other.mountPoint) === other,
  );
  const { master } = mount.propagation;
  const peer = showing.find((other) => other.propagation.shared === master && other.device === mount.device);
  if (option === 'slaves' && peer)
    return { on: peer, because: `${peer.mountPoint} is in peer group ${master}` };

  const same = showing.find((other) => other.device === mount.device && other.source === mount.source);
  if (same)
    return { on: same, because: `${same.mountPoint} is of the same device ${same.device} and source` };
  const disk = showing.find((other) => other.source === mount.source && other.source.startsWith('/'));
  if (disk) return { on: disk, because: `${disk.mountPoint} has the same source ${disk.source}` };
  const window = filesystemRole(mount.type) === 'window' ? showing[0] : undefined;
  return (
    window && { on: window, because: `${window.mountPoint} shows the one ${window.type} of this machine` }
  );
}

/** For a shell. */
function quoted(value: string): string {
  return /^[\w/.@:+=-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
