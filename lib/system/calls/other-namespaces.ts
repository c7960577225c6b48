import { CLONE } from '../../flags.ts';
import type { OtherNamespace } from '../../plan/options/options.ts';
import type { OwnedFd } from './fd.ts';
import type { RunPlace } from './native.ts';

/** The kinds of namespaces that can be new besides the mount namespace, in the order in which they are entered. */
export const OTHER_KINDS = ['user', 'pid', 'net', 'ipc', 'cgroup'] as const;

/** Namespaces that stand around a mount namespace: who enters it enters these first. */
export type OtherNamespaces = { readonly [kind in 'user' | OtherNamespace]?: OwnedFd | undefined };

export const CLONE_BIT = {
  user: CLONE.NEWUSER,
  pid: CLONE.NEWPID,
  net: CLONE.NEWNET,
  ipc: CLONE.NEWIPC,
  cgroup: CLONE.NEWCGROUP,
} as const;

/**
 * Where a program runs that goes to these namespaces first, and then to `mount`: a thread, unless there is a user or
 * pid namespace among them, which only a process of one thread can enter.
 */
export function placeInside(
  others: OtherNamespaces,
  { mount, unshare = 0 }: { readonly mount?: OwnedFd; readonly unshare?: number } = {},
): RunPlace {
  const enter = Int32Array.from([
    ...OTHER_KINDS.flatMap((kind) => {
      const fd = others[kind];
      return fd ? [fd.number, CLONE_BIT[kind]] : [];
    }),
    ...(mount ? [mount.number, CLONE.NEWNS] : []),
  ]);
  if (!others.user && !others.pid && unshare === 0) return { kind: 'thread', enter };
  const none = new Uint8Array(0);
  return { kind: 'fork', enter, unshare, uidMap: none, setgroups: none, gidMap: none };
}
