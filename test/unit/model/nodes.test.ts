import { expect, test } from 'vitest';
import type { NodeStatus } from '../../../lib/model/mount.ts';
import { isOrdinaryNode, OrdinaryRoots } from '../../../lib/model/nodes.ts';
import { mount } from './mounts.ts';

const node = (kind: NodeStatus['kind'], mode: number, uid = 0): NodeStatus => ({ kind, mode, uid, gid: 0 });

test('root’s 0755 directory and 0644 file are ordinary, nothing else is', () => {
  expect(isOrdinaryNode(node('directory', 0o755))).toBe(true);
  expect(isOrdinaryNode(node('file', 0o644))).toBe(true);
  expect(isOrdinaryNode(node('file', 0o755))).toBe(false);
  expect(isOrdinaryNode(node('directory', 0o755, 1))).toBe(false);
  expect(isOrdinaryNode(node('fifo', 0o644))).toBe(false);
});

test('the root of a whole filesystem is ordinary when it is as its options say', () => {
  const ordinary = new OrdinaryRoots();
  const tmpfs = mount(1, 0, '/');
  expect(ordinary.has(tmpfs, node('directory', 0o1777))).toBe(true);
  expect(ordinary.has(tmpfs, node('directory', 0o755))).toBe(false);
  const owned = mount(1, 0, '/', { superOptions: 'rw,mode=700,uid=5' });
  expect(ordinary.has(owned, node('directory', 0o700, 5))).toBe(true);
  expect(ordinary.has(owned, node('directory', 0o700))).toBe(false);
  expect(ordinary.has(mount(1, 0, '/', { type: 'ramfs' }), node('directory', 0o755))).toBe(true);
  expect(ordinary.has(mount(1, 0, '/', { root: '/below' }), node('directory', 0o755))).toBe(true);
});
