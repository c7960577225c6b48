import type { Requirement, RequirementKind } from '../plan/options/requirements.ts';
import { lineText } from './escape.ts';
import { count } from './lines.ts';
import { NO_PAINT, type RenderOptions } from './paint.ts';

const HEADINGS: { readonly [kind in RequirementKind]: string } = {
  root: 'The root',
  external: 'Mounts that only this host can supply',
  master: 'Masters outside the tree',
  'private-source': 'Host mounts that nothing can follow yet',
  'wrong-superblock': 'Sources of another filesystem',
  source: 'Sources',
  path: 'Paths that this kernel lacks',
  'mount-point': 'Mount points that are missing',
  'node-kind': 'Files where directories are needed, or the other way round',
  filesystem: 'Filesystems that cannot be made here',
  option: 'Filesystem options that are not allowed',
  window: 'Filesystems that the machine has once',
  'group-root': 'Peer groups',
  'deleted-root': 'Deleted roots',
  unreachable: 'Mounts that no path leads to',
  idmap: 'Idmaps',
  'device-nodes': 'Device nodes',
  destination: 'The destination',
  engine: 'This kernel or sandbox',
  privilege: 'Privileges',
};

/** Every requirement that is not met, by kind, each with its reason and the options that would meet it. */
export function renderRequirements(
  requirements: readonly Requirement[],
  options: RenderOptions = {},
): string {
  const paint = options.paint ?? NO_PAINT;
  if (requirements.length === 0) return paint.good('nothing is missing');
  const lines = [`${count(requirements.length, 'requirement')} not met`];
  for (const [kind, members] of byKind(requirements)) {
    lines.push('', paint.heading(HEADINGS[kind]));
    for (const { reason, cures } of members) {
      lines.push(`  ${paint.bad('-')} ${lineText(reason)}`);
      for (const cure of cures)
        lines.push(`      ${paint.option(lineText(cure.cli))}  ${paint.quiet(lineText(cure.effect))}`);
    }
  }
  return lines.join('\n');
}

function byKind(requirements: readonly Requirement[]): Map<RequirementKind, Requirement[]> {
  const groups = new Map<RequirementKind, Requirement[]>();
  for (const requirement of requirements) {
    const group = groups.get(requirement.kind);
    if (group) group.push(requirement);
    else groups.set(requirement.kind, [requirement]);
  }
  return groups;
}
