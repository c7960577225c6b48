/** The default devices and links of a container (OCI runtime specification, config-linux, "Default Devices"). */
import type { HostFacts } from '../../model/facts.ts';
import type { PathString } from '../../model/mount.ts';
import type { OriginId, Step } from '../steps/steps.ts';

const DEVICES: readonly (readonly [string, number, number])[] = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
];

const LINKS: readonly (readonly [string, string])[] = [
  ['ptmx', 'pts/ptmx'],
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
];

/** `major:minor` of the default devices, which harm nobody. */
export const DEFAULT_DEVICES: ReadonlySet<string> = new Set(
  DEVICES.map(([, major, minor]) => `${major}:${minor}`),
);

/** A caller without any privilege is told that by itself: another, who has it, may run the plan. */
export function mayMakeDevices({ capabilities: { privileges } }: HostFacts): boolean {
  return privileges.mknod || (!privileges.mount && !privileges.inUserNamespace);
}

/** Steps that fill a `/dev`; what the tree itself mounts on a name keeps that name. */
export function deviceSteps(origin: OriginId, taken: readonly PathString[]): Step[] {
  const used = new Set(taken);
  const reason = 'a container expects it in its /dev';
  const steps: Step[] = [];
  for (const [device, major, minor] of DEVICES) {
    const path = `/${device}`;
    if (!used.has(path))
      steps.push({ kind: 'make-device', origin, path, major, minor, permissions: 0o666, reason });
  }
  for (const [link, target] of LINKS) {
    const path = `/${link}`;
    if (!used.has(path)) steps.push({ kind: 'make-link', origin, path, target, reason });
  }
  return steps;
}
