import type { Mount, Propagation } from '../model/mount.ts';
import { nameText } from './escape.ts';
import { NO_PAINT, type RenderOptions } from './paint.ts';

/** A mount on a line: what is mounted where and how, and then on what, and of which superblock. */
export function renderMount(mount: Mount, { paint = NO_PAINT }: RenderOptions = {}): string {
  const { id, parentId, device, mountPoint, superOptions } = mount;
  const propagation = propagationWords(mount.propagation).join(' ');
  const marks = markWords(mount).join(', ');
  return [
    `${paint.quiet(`#${id}`)} ${nameText(mountPoint)}`,
    paint.type(typeText(mount)),
    sourceText(mount),
    optionText(mount),
    ...(propagation === '' ? [] : [paint.name(propagation)]),
    ...(marks === '' ? [] : [paint.warning(marks)]),
    paint.quiet(`(on #${parentId}, superblock ${device} ${nameText(superOptions)})`),
  ].join('  ');
}

export function typeText({ type, subtype }: Mount): string {
  return nameText(subtype === undefined ? type : `${type}.${subtype}`);
}

/** `/dev/sda1[/rootfs]`: the source, and the root in it when it is not all of it. */
export function sourceText(mount: Mount): string {
  return mount.root === '/' ? nameText(mount.source) : `${nameText(mount.source)}[${nameText(mount.root)}]`;
}

export function optionText(mount: Mount): string {
  return mount.options.map((word) => nameText(word)).join(',');
}

/** `shared:1`, `master:2`, …; `ofMaster` says more of that. */
export function propagationWords(
  { shared, master, propagateFrom, unbindable }: Propagation,
  ofMaster: (master: number) => string = () => '',
): string[] {
  const words: string[] = [];
  if (shared !== undefined) words.push(`shared:${shared}`);
  if (master !== undefined) words.push(`master:${master}${ofMaster(master)}`);
  if (propagateFrom !== undefined) words.push(`propagate_from:${propagateFrom}`);
  if (unbindable) words.push('unbindable');
  return words;
}

/** What is unusual about it. */
export function markWords(mount: Mount): string[] {
  const words: string[] = [];
  if (mount.deleted) words.push('deleted root');
  if (mount.kind === 'file') words.push('file');
  if (/^ro(?:,|$)/.test(mount.superOptions) && !mount.options.includes('ro'))
    words.push('read-only filesystem');
  for (const tag of mount.unknownTags) words.push(nameText(tag));
  return words;
}
