/** Whether the restore can run here, and whether the tree can go where it is to go. */
import { type HostFacts, own } from '../../model/facts.ts';
import type { Mount } from '../../model/mount.ts';
import { nameOf } from '../../model/mount.ts';
import type { MountTree } from '../../model/tree.ts';
import type { Masters } from '../groups/masters.ts';
import type { Choices } from '../options/choices.ts';
import type { Findings } from '../options/findings.ts';
import type { Engine } from '../options/options.ts';
import type { Requirement } from '../options/requirements.ts';

/** Requires a fit destination and an engine; returns the privilege that running lacks. */
export function requirePlace(
  tree: MountTree,
  choices: Choices,
  facts: HostFacts,
  masters: Masters,
  findings: Findings,
): Requirement[] {
  requireEngine(tree, choices, facts, findings);
  if (choices.at !== undefined || choices.enters)
    requireDestination(choices.at ?? '/', choices, facts, masters, findings);
  if (facts.destination?.idMap) requireNoHostSources(tree, choices, findings);
  return lackingPrivilege(choices, facts);
}

/** Whether filesystems are made in a user namespace that is new or not the caller's. */
export function buildsInUserNamespace(choices: Choices, facts: HostFacts): boolean {
  return choices.userNamespace !== undefined || facts.destination?.idMap !== undefined;
}

/** The engine that was asked for, else the best that works here. */
export function chooseEngine(choices: Choices, facts: HostFacts): Engine | 'classic' {
  const { detached, yard } = facts.capabilities.engines;
  return choices.engine ?? (detached !== true && yard === true ? 'yard' : 'detached');
}

function requireEngine(tree: MountTree, choices: Choices, facts: HostFacts, findings: Findings): void {
  const engine = chooseEngine(choices, facts);
  const answer = facts.capabilities.engines[engine];
  const cloned = choices.at !== undefined || choices.enters || tree.roots.length > 1;
  const unbindable = engine === 'yard' && cloned && tree.mounts.find((mount) => mount.propagation.unbindable);
  if (unbindable) {
    findings.require({
      kind: 'engine',
      mounts: [unbindable],
      reason:
        `${nameOf(unbindable)} is unbindable, and the yard engine takes this tree out of the yard by a clone, ` +
        'which leaves unbindable mounts out',
      cures: [DETACHED_CURE],
    });
  }
  // Without privilege a kernel cannot be tried; that is said by itself.
  if (answer === true || (engine !== 'classic' && !facts.capabilities.privileges.mount)) return;
  findings.require({
    kind: 'engine',
    mounts: [],
    reason: `the ${engine} engine cannot be used here: ${answer}`,
    cures: engine !== 'detached' && facts.capabilities.engines.detached === true ? [DETACHED_CURE] : [],
  });
}

const DETACHED_CURE = {
  option: 'engine',
  cli: '--engine detached',
  effect: 'builds in a detached mount tree',
} as const;

function requireDestination(
  at: string,
  choices: Choices,
  facts: HostFacts,
  masters: Masters,
  findings: Findings,
): void {
  const fact = facts.destination;
  if (!fact) {
    findings.assume(`${at} is a directory on a private mount`);
    return;
  }
  if (fact.kind !== 'directory') {
    const trouble = fact.error ?? (fact.kind === 'absent' ? 'ENOENT' : `it is a ${fact.kind}`);
    findings.require({
      kind: 'destination',
      mounts: [],
      reason: `${at}, where the tree is to be attached, cannot be used: ${trouble}`,
      cures: [{ option: 'into', cli: '--at DIR', effect: 'another directory' }],
    });
    return;
  }
  const sharing = fact.mount && howShared(fact.mount, facts, masters);
  if (choices.at !== undefined && sharing !== undefined && !choices.makeDestinationPrivate) {
    findings.require({
      kind: 'destination',
      mounts: [],
      reason:
        `${at} lies on a shared mount (${sharing}): ` +
        'the kernel would make every mount of the tree shared and copy it to the peers',
      cures: [
        {
          option: 'makeDestinationPrivate',
          cli: '--make-destination-private',
          effect: 'the destination is bound on itself and made private first',
        },
      ],
    });
  }
}

/** The mount and its peer group, or for which source it is made shared before the tree is attached. */
function howShared(mount: Mount, facts: HostFacts, masters: Masters): string | undefined {
  const { shared } = mount.propagation;
  if (shared !== undefined) return `${mount.mountPoint}, peer group ${shared}`;
  for (const source of masters.toShare.keys()) {
    if (own(facts.sources, source)?.mount?.id === mount.id)
      return `${mount.mountPoint}, made so for ${source}`;
  }
  return undefined;
}

function requireNoHostSources(tree: MountTree, choices: Choices, findings: Findings): void {
  const sources = [choices.root, ...choices.external.values(), ...choices.slaves.values()];
  const source = sources.find((path) => typeof path === 'string');
  if (source === undefined) return;
  findings.require({
    kind: 'privilege',
    mounts: tree.roots.slice(0, 1),
    reason: `${source} is a mount of this user namespace, which that of the namespace to enter cannot clone`,
    cures: [
      {
        option: 'standIn',
        cli: '--stand-in all',
        effect: 'empty tmpfs instead of what the host would supply',
      },
    ],
  });
}

function lackingNamespaces(why: string): Requirement {
  return {
    kind: 'privilege',
    mounts: [],
    reason: `the namespaces asked for cannot be made here: ${why}`,
    cures: [
      { option: 'userNamespace', cli: '--userns', effect: 'a user namespace with the own ids alone' },
      { option: 'run', cli: 'run as root', effect: 'with CAP_SYS_ADMIN, CAP_SETUID and CAP_SETGID' },
    ],
  };
}

function lackingPrivilege(choices: Choices, facts: HostFacts): Requirement[] {
  const { privileges } = facts.capabilities;
  if (typeof facts.namespaces === 'string') return [lackingNamespaces(facts.namespaces)];
  if (facts.destination?.idMap) return []; // it was entered to look at it
  if (choices.userNamespace) {
    if (privileges.userNamespace === true) return [];
    return [
      {
        kind: 'privilege',
        mounts: [],
        reason: `a user namespace cannot be made here: ${privileges.userNamespace}`,
        cures: [
          privileges.userNamespace === 'EAGAIN'
            ? { option: 'run', cli: 'prlimit --nproc=…', effect: 'RLIMIT_NPROC, or the pids cgroup, is full' }
            : { option: 'run', cli: 'run as root', effect: 'with CAP_SYS_ADMIN' },
        ],
      },
    ];
  }
  if (privileges.mount) return [];
  return [
    {
      kind: 'privilege',
      mounts: [],
      reason: `CAP_SYS_ADMIN over the mount namespace is missing (uid ${privileges.uid})`,
      cures: [
        { option: 'userNamespace', cli: '--userns', effect: 'builds in a new user namespace' },
        { option: 'run', cli: 'unshare -Urm mountyard …', effect: 'runs it all in a user namespace' },
        { option: 'run', cli: 'run as root', effect: 'with CAP_SYS_ADMIN' },
      ],
    },
  ];
}
