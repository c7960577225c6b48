import type { Mount } from '../../model/mount.ts';
import type { Resolution } from '../resolve.ts';

/** A sharing group that is being built: the peers of one group, or the slaves-only of one master. */
export type GroupKey = `peers:${number}` | `slaves:${number}`;

/** What a mount joins; nothing for a private or unbindable one. */
export function groupKeyOf(
  { submounts, masters }: Resolution,
  { id, propagation: { shared, master } }: Mount,
): GroupKey | undefined {
  if (submounts.has(id)) return undefined; // it starts one without a holder
  if (shared !== undefined) return `peers:${shared}`;
  if (master === undefined || masters.ignored.has(master)) return undefined;
  return `slaves:${master}`;
}

/** The group that a group has its master from. */
export function masterKeyOf({ tree, masters }: Resolution, key: GroupKey): GroupKey | undefined {
  const [role, id] = splitKey(key);
  if (role === 'slaves') return tree.groups.has(id) ? `peers:${id}` : undefined;
  const master = tree.groups.get(id)?.[0]?.propagation.master;
  if (master === undefined || masters.ignored.has(master)) return undefined;
  return tree.groups.has(master) ? `peers:${master}` : `slaves:${master}`;
}

export function splitKey(key: GroupKey): [role: 'peers' | 'slaves', id: number] {
  const [role, id] = key.split(':');
  return [role as 'peers' | 'slaves', Number(id)];
}
