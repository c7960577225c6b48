import type { Mount } from '../../../lib/model/mount.ts';

/** A mount with ordinary values for what a test does not care about. */
export function mount(values: Partial<Mount> & Pick<Mount, 'id' | 'parentId' | 'mountPoint'>): Mount {
  return {
    device: `0:${values.id}`,
    root: '/',
    deleted: false,
    options: ['rw', 'relatime'],
    propagation: { unbindable: false },
    unknownTags: [],
    type: 'tmpfs',
    source: 'tmpfs',
    superOptions: 'rw',
    kind: 'unknown',
    ...values,
  };
}

/** Marks each role, so that a test sees what would be coloured. */
export const MARKED = Object.fromEntries(
  ['heading', 'name', 'type', 'quiet', 'good', 'warning', 'bad', 'option'].map((role) => [
    role,
    (text: string) => `<${role}>${text}</${role}>`,
  ]),
) as unknown as import('../../../lib/render/paint.ts').Paint;
