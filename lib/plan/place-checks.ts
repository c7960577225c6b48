/** Whether the restore can run here, and whether the tree can go where it is to go. */
import type { HostFacts } from '../model/facts.ts';
import type { MountTree } from '../model/tree.ts';
import type { Choices } from './choices.ts';
import type { Findings } from './findings.ts';
import type { Requirement } from './requirements.ts';

/** Requires a fit destination and an engine; returns the privilege that running lacks. */
export function requirePlace(
  tree: MountTree,
  choices: Choices,
  facts: HostFacts,
  findings: Findings,
): Requirement[] {
  requireEngine(choices, facts, findings);
  if (choices.at !== undefined) requireDestination(choices.at, choices, facts, findings);
  if (choices.userNamespace) requireNoHostSources(tree, choices, findings);
  return lackingPrivilege(choices, facts);
}

function requireEngine(choices: Choices, facts: HostFacts, findings: Findings): void {
  const engine = choices.engine ?? 'detached';
  const answer = facts.capabilities.engines[engine];
  // Without privilege a kernel cannot be tried; that is said by itself.
  if (answer === true || (engine === 'detached' && !facts.capabilities.privileges.mount)) return;
  findings.require({
    kind: 'engine',
    mounts: [],
    reason: `the ${engine} engine cannot be used here: ${answer}`,
    cures: choices.engine === undefined || choices.engine === 'detached' ? [] : [DETACHED_CURE],
  });
}

const DETACHED_CURE = {
  option: 'engine',
  cli: '--engine detached',
  effect: 'builds in a detached mount tree',
} as const;

function requireDestination(at: string, choices: Choices, facts: HostFacts, findings: Findings): void {
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
  } else if (fact.mount?.propagation.shared !== undefined && !choices.makeDestinationPrivate) {
    findings.require({
      kind: 'destination',
      mounts: [],
      reason:
        `${at} lies on a shared mount (${fact.mount.mountPoint}, peer group ${fact.mount.propagation.shared}): ` +
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

function requireNoHostSources(tree: MountTree, choices: Choices, findings: Findings): void {
  const sources = [choices.root, ...choices.external.values(), ...choices.slaves.values()];
  const source = sources.find((path) => typeof path === 'string');
  if (source === undefined) return;
  findings.require({
    kind: 'privilege',
    mounts: tree.root ? [tree.root] : [],
    reason: `${source} is a mount of this user namespace, which a new one cannot clone`,
    cures: [
      {
        option: 'run',
        cli: 'unshare -Urm mountyard restore …',
        effect: 'a copy of the namespace that owns its mounts',
      },
      {
        option: 'standIn',
        cli: '--stand-in all',
        effect: 'empty tmpfs instead of what the host would supply',
      },
    ],
  });
}

function lackingPrivilege(choices: Choices, facts: HostFacts): Requirement[] {
  const { privileges } = facts.capabilities;
  if (choices.userNamespace) {
    if (privileges.userNamespace === true) return [];
    return [
      {
        kind: 'privilege',
        mounts: [],
        reason: `a user namespace cannot be made here: ${privileges.userNamespace}`,
        cures: [{ option: 'run', cli: 'run as root', effect: 'with CAP_SYS_ADMIN' }],
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
        { option: 'run', cli: 'unshare -Ur mountyard …', effect: 'runs it all in a user namespace' },
        { option: 'run', cli: 'run as root', effect: 'with CAP_SYS_ADMIN' },
      ],
    },
  ];
}
