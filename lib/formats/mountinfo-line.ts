import type { Mount } from '../model/mount.ts';
import { escapeName, escapePath } from './escape.ts';

/** The kernel ends the root of an unlinked directory or file in this, which no path can end in. */
export const DELETED = '//deleted';

/** A line as the kernel would print these fields, without regard to `verbatim`. */
export function formatFields(mount: Mount): string {
  const { propagation, subtype } = mount;
  let line = `${mount.id} ${mount.parentId} ${mount.device} ${escapePath(mount.root)}`;
  if (mount.deleted) line += DELETED;
  line += ` ${escapePath(mount.mountPoint)} ${mount.options.map(escapePath).join(',')}`;
  if (propagation.shared !== undefined) line += ` shared:${propagation.shared}`;
  if (propagation.master !== undefined) line += ` master:${propagation.master}`;
  if (propagation.propagateFrom !== undefined) line += ` propagate_from:${propagation.propagateFrom}`;
  if (propagation.unbindable) line += ' unbindable';
  for (const tag of mount.unknownTags) line += ` ${tag === '-' ? '\\055' : escapePath(tag)}`;
  line += ` - ${escapeName(mount.type)}`;
  if (subtype !== undefined) line += `.${escapeName(subtype)}`;
  return `${line} ${escapeName(mount.source)} ${mount.superOptions.replaceAll('\n', '\\012')}`;
}
