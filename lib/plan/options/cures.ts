/** The options that meet a requirement, as a person would type them. */
import type { Mount, PathString } from '../../model/mount.ts';
import type { MountTree } from '../../model/tree.ts';
import { mainRoot } from '../namespaces.ts';
import type { OtherNamespace, TargetName } from './options.ts';
import type { Cure } from './requirements.ts';

/** How an option names a mount: its mount point where that finds it and reads well, else `#ID`. */
export function targetName(tree: MountTree, mount: Mount): TargetName {
  // Mount points are those of the first of several namespaces: an id means the same in all.
  const plain = tree.roots.length === 1 && /^[\w/.@:+-]+$/.test(mount.mountPoint);
  return plain && topmostAt(tree, mount.mountPoint) === mount ? mount.mountPoint : `#${mount.id}`;
}

/** Looking a path up takes as long as what is stacked there: once a path, not once for each mount of a stack. */
function topmostAt(tree: MountTree, path: PathString): Mount | undefined {
  const known = TOPMOST.get(tree) ?? new Map<PathString, Mount | undefined>();
  TOPMOST.set(tree, known);
  if (!known.has(path)) known.set(path, tree.at(path));
  return known.get(path);
}

const TOPMOST = new WeakMap<MountTree, Map<PathString, Mount | undefined>>();

/** As typed in a shell, where `#` would begin a comment. */
function typed(tree: MountTree, mount: Mount, suffix = ''): string {
  const word = targetName(tree, mount) + suffix;
  return word.startsWith('#') ? `'${word}'` : word;
}

export function rootCure(): Cure {
  return { option: 'root', cli: '--root DIR', effect: 'a directory of this host supplies it' };
}

export function externalCure(tree: MountTree, mount: Mount): Cure {
  return {
    option: 'external',
    cli: `--external ${typed(tree, mount, '=SOURCE')}`,
    effect: 'a bind of SOURCE supplies it',
  };
}

/** For a mount that the caller already supplies. */
export function recursiveCure(tree: MountTree, mount: Mount): Cure {
  return {
    option: 'recursive',
    cli: `--recursive ${typed(tree, mount)}`,
    effect: 'what is mounted below the path comes along',
  };
}

/** The host's own, with what is mounted below it: no user namespace may leave that out. */
export function hostMountCure(tree: MountTree, mount: Mount, source: PathString, hasBelow: boolean): Cure {
  const recursive = hasBelow ? ` ${recursiveCure(tree, mount).cli}` : '';
  return {
    option: 'external',
    cli: `--external ${typed(tree, mount, `=${source}`)}${recursive}`,
    effect: `the ${mount.type} of the host${hasBelow ? ', with all that is mounted below it' : ''}`,
  };
}

/** Another source for a mount that the caller already supplies. */
export function supplyCure(tree: MountTree, mount: Mount): Cure {
  return mount === mainRoot(tree) ? rootCure() : externalCure(tree, mount);
}

export function standInCure(tree: MountTree, mount: Mount): Cure {
  return {
    option: 'standIn',
    cli: `--stand-in ${typed(tree, mount)}`,
    effect: 'an empty tmpfs takes the place of its filesystem',
  };
}

export function freshCure(tree: MountTree, mount: Mount): Cure {
  return { option: 'fresh', cli: `--fresh ${typed(tree, mount)}`, effect: 'made anew and empty' };
}

export function skipCure(tree: MountTree, mount: Mount): Cure {
  return {
    option: 'skip',
    cli: `--skip ${typed(tree, mount)}`,
    effect: 'left out with all that is mounted below it',
  };
}

export function newNamespaceCure(kind: OtherNamespace): Cure {
  return {
    option: 'newNamespaces',
    cli: `--new-namespaces ${kind}`,
    effect: `it shows a ${kind} namespace of its own`,
  };
}

/** Owners are written `uid 1000`. */
export function mapIdsCure(owners: readonly string[], newUserNamespace: boolean): Cure {
  if (!newUserNamespace)
    return {
      option: 'run',
      cli: 'run in a user namespace that maps it',
      effect: 'it can own something there',
    };
  const maps = owners.map((owner) => owner.replace(/^(.)id (.*)$/, '$1:$2:OUTSIDE:1'));
  return {
    option: 'userNamespace',
    cli: `--userns-map …,${maps.join(',')}`,
    effect: 'the id OUTSIDE of this user namespace is it inside',
  };
}

export function slaveCure(tree: MountTree, mount: Mount): Cure {
  return {
    option: 'slaves',
    cli: `--slave ${typed(tree, mount, '=SOURCE')}`,
    effect: 'it follows the peer group of the mount that SOURCE is on',
  };
}

export function slaveOfSupplyCure(tree: MountTree, mount: Mount): Cure {
  return {
    option: 'slaves',
    cli: `--slave ${typed(tree, mount)}`,
    effect: 'it follows the peer group of the mount that supplies it',
  };
}

export function ignoreCure(): Cure {
  return {
    option: 'ignoreHostPropagation',
    cli: '--ignore-host-propagation',
    effect: 'masters outside the tree are dropped',
  };
}

export function idmapCure(tree: MountTree, mount: Mount): Cure {
  return {
    option: 'idmap',
    cli: `--idmap ${typed(tree, mount, '=INSIDE:OUTSIDE:LENGTH')}`,
    effect: 'the map that it is to have',
  };
}

export function shareCure(): Cure {
  return {
    option: 'shareSources',
    cli: '--share-sources',
    effect: 'the host mount is made MS_SHARED, and stays so',
  };
}

export function makeMountPointsCure(): Cure {
  return {
    option: 'makeMountPoints',
    cli: '--make-mount-points',
    effect: 'it is created in the host filesystem, below the mount only',
  };
}
