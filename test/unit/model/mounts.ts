import type { Mount, Propagation } from '../../../lib/model/mount.ts';
import { MountTree } from '../../../lib/model/tree.ts';

type Sketch = Omit<Partial<Mount>, 'propagation'> & { readonly propagation?: Partial<Propagation> };

/** A mount with everything that a test does not care about filled in: a tmpfs of its own. */
export function mount(id: number, parentId: number, mountPoint: string, rest: Sketch = {}): Mount {
  return {
    id,
    parentId,
    device: `0:${id}`,
    root: '/',
    deleted: false,
    mountPoint,
    options: ['rw', 'relatime'],
    unknownTags: [],
    type: 'tmpfs',
    source: 'tmpfs',
    superOptions: 'rw',
    kind: 'directory',
    ...rest,
    propagation: { unbindable: false, ...rest.propagation },
  };
}

export function treeOf(...mounts: Mount[]): MountTree {
  return new MountTree(mounts);
}
