import type { ComparePolicy } from '../../../lib/model/diff.ts';
import { diffTrees } from '../../../lib/model/diff.ts';
import type { Mount, Propagation } from '../../../lib/model/mount.ts';
import { MountTree } from '../../../lib/model/tree.ts';
import { mount } from './mounts.ts';

export const base = [
  mount(1, 0, '/', { propagation: { shared: 1 } }),
  mount(2, 1, '/proc', { type: 'proc', source: 'proc' }),
  mount(3, 1, '/a', { device: '0:9', root: '/x', propagation: { shared: 2 } }),
  mount(4, 1, '/b', { device: '0:9', propagation: { shared: 2 } }),
  mount(5, 4, '/b/c', { device: '0:9', propagation: { master: 2 } }),
  mount(6, 1, '/d', { propagation: { unbindable: true } }),
  mount(7, 6, '/d', { subtype: 'sub' }),
];
export const tree = new MountTree(base);

export const change = (id: number, fields: Partial<Mount>) =>
  tree.map((m) => (m.id === id ? { ...m, ...fields } : m));
export const sharing = (id: number, propagation: Partial<Propagation>) =>
  change(id, { propagation: { unbindable: false, ...propagation } });
export const differences = (expected: MountTree, actual: MountTree, policy?: ComparePolicy) =>
  diffTrees(expected, actual, policy).map((d) => [d.kind, d.mount.id, d.expected, d.actual]);
