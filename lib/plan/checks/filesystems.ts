/** Which superblocks can be made here for real, and what keeps the others from it. */

import type { FilesystemFact, HostFacts } from '../../model/facts.ts';
import { own } from '../../model/facts.ts';
import { isMappedInside, OVERFLOW_ID } from '../../model/id-maps.ts';
import { type IdMap, type Mount, nameOf } from '../../model/mount.ts';
import { pathComponents } from '../../model/paths.ts';
import type { MountTree } from '../../model/tree.ts';
import { filesystemRole, mountableInUserNamespace, splitOptions, takesNodes } from '../filesystems.ts';
import { HostMounts } from '../host-mounts.ts';
import type { Layout, Spot } from '../layout/layout.ts';
import type { LayoutOrigin } from '../layout/layout-origin.ts';
import { mappedIds } from '../mapped-ids.ts';
import type { Choices } from '../options/choices.ts';
import {
  externalCure,
  hostMountCure,
  mapIdsCure,
  newNamespaceCure,
  skipCure,
  standInCure,
} from '../options/cures.ts';
import type { OtherNamespace } from '../options/options.ts';
import type { Cure, Requirement } from '../options/requirements.ts';
import type { Parameter } from '../questions.ts';
import type { Supplies } from '../supply.ts';
import { buildsInUserNamespace } from './places.ts';

/** What keeps each superblock that should be made here from being made, by device; none for those that can be. */
export type Defects = ReadonlyMap<string, readonly Requirement[]>;

export interface FilesystemChecks {
  readonly defects: Defects;
  readonly assumed: readonly string[];
}

export function checkFilesystems(
  tree: MountTree,
  supplies: Supplies,
  layout: Layout,
  facts: HostFacts,
  choices: Choices,
): FilesystemChecks {
  const { userNamespace } = choices;
  const inUserNamespace = buildsInUserNamespace(choices, facts);
  const defects = new Map<string, Requirement[]>();
  const assumed: string[] = [];
  const host = new HostMounts(facts);
  const claimed = new Map<string, Mount>();
  let wanted: Wants | undefined;
  const wants = () => {
    wanted ??= wantedPaths(tree, layout);
    return wanted;
  };
  const ids = mappedIds(userNamespace, facts);
  const isFresh = ({ id }: Mount) => supplies.get(id)?.kind === 'fresh';

  for (const mounts of tree.superblocks.values()) {
    const members = mounts.every(isFresh) ? mounts : mounts.filter(isFresh);
    const first = members[0];
    if (!first) continue;
    const { key, parameters, refused } = splitOptions(first);
    const fact = own(facts.filesystems, key);
    const isSure = refused.length === 0 && !ids && !inUserNamespace && fact?.creatable === true;
    if (isSure && takesNodes(first.type)) continue;
    const taken: string[] = [];
    const owners = unmappedOwners(parameters, ids);
    const found = [
      ...optionDefects(tree, first, refused),
      ...(owners.length > 0
        ? [ownerDefect(tree, first, owners, userNamespace !== undefined)]
        : makingDefects(tree, members, key, fact, {
            beside: inUserNamespace ? choices.newNamespaces : undefined,
            cures: () => hostCures(tree, first, choices, facts, host),
          })),
      ...(takesNodes(first.type) ? [] : pathDefects(tree, members, wants(), layout, fact, taken)),
    ];
    if (fact?.creatable === undefined || fact.creatable === 'unknown')
      taken.push(`a ${key} can be mounted here`);
    if (filesystemRole(first.type) === 'window' && found.length === 0) {
      const other = claimed.get(key);
      if (other) found.push(secondWindow(tree, members, key, other));
      else claimed.set(key, first);
    }
    if (found.length > 0) defects.set(first.device, found);
    else assumed.push(...taken);
  }
  return { defects, assumed };
}

/** Who wants a path of an origin: as the root of a mount, or as its mount point. */
interface Want {
  readonly mount: Mount;
  readonly spot: Spot;
  readonly as: 'root' | 'mount point';
}

type Wants = ReadonlyMap<LayoutOrigin, readonly Want[]>;

function wantedPaths(tree: MountTree, layout: Layout): Wants {
  const wanted = new Map<LayoutOrigin, Want[]>();
  const add = (spot: Spot | undefined, mount: Mount, as: Want['as']) => {
    if (!spot || spot.path === '/') return;
    const list = wanted.get(spot.origin);
    if (list) list.push({ mount, spot, as });
    else wanted.set(spot.origin, [{ mount, spot, as }]);
  };
  for (const mount of tree.inOrder) {
    add(layout.roots.get(mount.id), mount, 'root');
    add(layout.places.get(mount.id), mount, 'mount point');
  }
  return wanted;
}

function optionDefects(tree: MountTree, mount: Mount, refused: readonly string[]): Requirement[] {
  if (refused.length === 0) return [];
  const options = refused.length === 1 ? `the option ${refused[0]}` : `the options ${refused.join(', ')}`;
  return [
    {
      kind: 'option',
      mounts: [mount],
      reason: `${nameOf(mount)} is a ${mount.type} with ${options}, which a snapshot may not set`,
      cures: [externalCure(tree, mount), standInCure(tree, mount), skipCure(tree, mount)],
    },
  ];
}

/** `uid 1000`, of the owners that the options name and that are not mapped where the tree is built. */
function unmappedOwners(parameters: readonly Parameter[], ids: IdMap | undefined): string[] {
  if (!ids) return [];
  return parameters.flatMap(({ key, value }) => {
    if (key !== 'uid' && key !== 'gid') return [];
    return isMappedInside(ids[key], Number(value)) ? [] : [`${key} ${value}`];
  });
}

const UNMAPPED_BEFORE = ` (${OVERFLOW_ID} is what an owner shows as who is not mapped where one looks from)`;

function ownerDefect(
  tree: MountTree,
  mount: Mount,
  owners: readonly string[],
  newUserNamespace: boolean,
): Requirement {
  const one = owners.length === 1;
  const isOverflow = owners.some((owner) => owner.endsWith(` ${OVERFLOW_ID}`));
  return {
    kind: 'option',
    mounts: [mount],
    reason:
      `${nameOf(mount)} is a ${mount.type} that belongs to ${owners.join(' and ')}, ` +
      `which ${one ? 'is' : 'are'} not mapped in the user namespace${isOverflow ? UNMAPPED_BEFORE : ''}`,
    cures: [
      mapIdsCure(owners, newUserNamespace),
      externalCure(tree, mount),
      standInCure(tree, mount),
      skipCure(tree, mount),
    ],
  };
}

/** Where a filesystem is made. */
interface Surroundings {
  /** Namespaces that are new beside a user namespace; absent in the caller's. */
  readonly beside: ReadonlySet<OtherNamespace> | undefined;
  readonly cures: () => readonly Cure[];
}

/** What a user namespace may not make, it may bind from the mounts that it has a copy of. */
function hostCures(
  tree: MountTree,
  mount: Mount,
  choices: Choices,
  facts: HostFacts,
  host: HostMounts,
): Cure[] {
  const { inUserNamespace } = facts.capabilities.privileges;
  if (facts.destination?.idMap || (choices.userNamespace === undefined && !inUserNamespace)) return [];
  const shown = host.wholeOf(mount.type);
  return shown ? [hostMountCure(tree, mount, shown.mountPoint, host.below(shown).length > 0)] : [];
}

function makingDefects(
  tree: MountTree,
  members: readonly Mount[],
  key: string,
  fact: FilesystemFact | undefined,
  { beside, cures }: Surroundings,
): Requirement[] {
  const mount = members[0] as Mount;
  const tried = kernelObstacle(fact);
  const takes = beside ? mountableInUserNamespace(mount.type) : true;
  const lacks = takes !== true && takes !== false && !beside?.has(takes) ? takes : undefined;
  const isTold = takes === true || fact?.creatable === true;
  const why = isTold
    ? tried
    : (userNamespaceObstacle(takes, lacks) ?? (tried && `${tried}; ${HIDDEN_PARTS}`));
  if (why === undefined) return [];
  return [
    {
      kind: 'filesystem',
      mounts: members,
      reason: `${nameOf(mount)} is a ${key}, which cannot be mounted here: ${why}`,
      cures: [
        ...(lacks === undefined ? [] : [newNamespaceCure(lacks)]),
        ...cures(),
        externalCure(tree, mount),
        standInCure(tree, mount),
        skipCure(tree, mount),
      ],
    },
  ];
}

/** mount_too_revealing in fs/namespace.c. */
const HIDDEN_PARTS =
  'the kernel permits a proc or sysfs there only where the whole of one, with nothing mounted over a part of it, ' +
  'can be seen already';

function kernelObstacle(fact: FilesystemFact | undefined): string | undefined {
  if (!fact || fact.creatable === true || fact.creatable === 'unknown') return undefined;
  return [fact.creatable, ...(fact.log ?? [])].join('; ');
}

function userNamespaceObstacle(
  takes: OtherNamespace | boolean,
  lacks: OtherNamespace | undefined,
): string | undefined {
  if (takes === false) return 'no user namespace but the initial one may mount it';
  return lacks && `a new user namespace may mount it only with a new ${lacks} namespace`;
}

/** Paths that a filesystem must have of itself, because nothing can be created in it. */
function pathDefects(
  tree: MountTree,
  members: readonly Mount[],
  wanted: Wants,
  layout: Layout,
  fact: FilesystemFact | undefined,
  assumed: string[],
): Requirement[] {
  const defects: Requirement[] = [];
  const origins = new Set(members.flatMap((mount) => layout.roots.originOf(mount.id) ?? []));
  const shown = members[0] as Mount;
  const told = new Set<Mount>();
  for (const origin of origins) {
    for (const { mount, spot, as } of wanted.get(origin) ?? []) {
      const above = pathComponents(spot.path)[0] === '..';
      const found = above ? 'absent' : ((fact && own(fact.paths, spot.path)) ?? 'unknown');
      if (found === 'directory' || found === 'file') continue;
      const what = `${shown.type} here`;
      if (found === 'unknown') {
        assumed.push(`the ${what} has ${spot.path}`);
        continue;
      }
      if (told.has(mount)) continue; // a path mounted on itself is missing once
      told.add(mount);
      const lack = above
        ? 'is above the root of'
        : found === 'absent'
          ? 'does not exist in'
          : 'is a symlink in';
      defects.push({
        kind: 'path',
        mounts: [mount],
        reason: `${nameOf(mount)} needs ${spot.path} as its ${as}, which ${lack} the ${what}`,
        cures: [
          skipCure(tree, mount),
          ...(as === 'root' ? [externalCure(tree, mount)] : []),
          standInCure(tree, shown),
        ],
      });
    }
  }
  return defects;
}

function secondWindow(tree: MountTree, members: readonly Mount[], key: string, other: Mount): Requirement {
  const mount = members[0] as Mount;
  return {
    kind: 'window',
    mounts: members,
    reason:
      `${nameOf(mount)} is a second ${key} beside that of ${nameOf(other)}: ` +
      'a machine, or a namespace of it, has only one',
    cures: [externalCure(tree, mount), standInCure(tree, mount), skipCure(tree, mount)],
  };
}
