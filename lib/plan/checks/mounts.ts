/** What single mounts ask for that the kernel, or the place where the tree is built, does not give. */
import { type HostFacts, own } from '../../model/facts.ts';
import { type Mount, nameOf } from '../../model/mount.ts';
import type { MountTree } from '../../model/tree.ts';
import { takesIdmap } from '../filesystems.ts';
import { mayMakeDevices } from '../layout/devices.ts';
import type { Spot } from '../layout/layout.ts';
import { originName } from '../layout/layout-origin.ts';
import type { Choices } from '../options/choices.ts';
import { idmapCure, skipCure, standInCure, supplyCure } from '../options/cures.ts';
import type { Findings } from '../options/findings.ts';
import type { Supplies } from '../supply.ts';
import { buildsInUserNamespace } from './places.ts';

export function requireOneKind(tree: MountTree, mount: Mount, place: Spot, findings: Findings): void {
  findings.require({
    kind: 'node-kind',
    mounts: [mount],
    reason: `${nameOf(mount)} would put a file on a directory, or a directory on a file, at ${place.path} of ${originName(place.origin)}`,
    cures: [supplyCure(tree, mount), skipCure(tree, mount)],
  });
}

/** Maps that are told, for filesystems that take one, from sources whose own map can be left out. */
export function requireIdmaps(
  tree: MountTree,
  supplies: Supplies,
  choices: Choices,
  facts: HostFacts,
  findings: Findings,
): void {
  const { open_tree_attr: clearing } = facts.capabilities.calls;
  for (const mount of tree.list) {
    const supply = supplies.get(mount.id);
    if (supply?.kind === 'fresh' && choices.idmap.has(mount.id) && !takesIdmap(mount.type)) {
      findings.require({
        kind: 'idmap',
        mounts: [mount],
        reason: `${nameOf(mount)} is a ${mount.type} made here, which takes no idmap`,
        cures: [standInCure(tree, mount), skipCure(tree, mount)],
      });
    }
    const source = supply?.kind === 'host' ? own(facts.sources, supply.source)?.mount : undefined;
    if (source?.options.includes('idmapped') && clearing !== true) {
      findings.require({
        kind: 'idmap',
        mounts: [mount],
        reason:
          `what supplies ${nameOf(mount)} is itself idmapped (${source.mountPoint}), and its map cannot be left out ` +
          `here: open_tree_attr is answered by ${clearing}`,
        cures: [supplyCure(tree, mount), skipCure(tree, mount)],
      });
    }
    if (!mount.options.includes('idmapped') || mount.idmap || choices.idmap.has(mount.id)) continue;
    findings.require({
      kind: 'idmap',
      mounts: [mount],
      reason: `${nameOf(mount)} is idmapped, and neither a mountinfo text nor a kernel without statmount or without listmount tells the map`,
      cures: [idmapCure(tree, mount), skipCure(tree, mount)],
    });
  }
}

/** `dev` fills a tmpfs made here, where device nodes can be made. */
export function requireDev(
  tree: MountTree,
  supplies: Supplies,
  choices: Choices,
  facts: HostFacts,
  findings: Findings,
): void {
  const mount = choices.dev === undefined ? undefined : tree.get(choices.dev);
  if (!mount) return;
  const supply = supplies.get(mount.id);
  const tmpfs = supply?.kind === 'stand-in' || (supply?.kind === 'fresh' && mount.type === 'tmpfs');
  if (!tmpfs || mount.root !== '/') {
    findings.require({
      kind: 'device-nodes',
      mounts: [mount],
      reason: `device nodes go into a tmpfs made here, which ${nameOf(mount)} is not`,
      cures: [standInCure(tree, mount)],
    });
  } else if (buildsInUserNamespace(choices, facts) || !mayMakeDevices(facts)) {
    findings.require({
      kind: 'device-nodes',
      mounts: [mount],
      reason: `the device nodes for ${nameOf(mount)} cannot be made in a user namespace`,
      cures: [{ option: 'run', cli: 'leave --dev out', effect: 'the tree comes without device nodes' }],
    });
  }
}
