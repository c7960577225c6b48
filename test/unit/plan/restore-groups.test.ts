import { describe, expect, test } from 'vitest';
import type { Mount } from '../../../lib/model/mount.ts';
import { planRestore } from '../../../lib/plan/restore.ts';
import { hostFacts, onDisk, wholeMount } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { disk, ROOT, stepsOf } from './planned.ts';
import { stepText } from './steps-text.ts';

const MAP = [{ inside: 0, outside: 100_000, length: 65_536 }];

describe('groups', () => {
  test('are joined when all that is mounted on a member is in place', () => {
    const shared = { device: '0:2', propagation: { shared: 5 } };
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', shared),
      mount(3, 2, '/a/x'),
      mount(4, 1, '/b', { ...shared, root: '/k' }),
    );
    expect(stepsOf(tree).slice(4)).toEqual([
      'make-filesystem 1',
      'make-directory 1:/k',
      'make-directory 1:/x',
      'clone #2 = 1:/',
      'place #2 on #1 at a',
      'make-filesystem 2',
      'take #3 = 2:/',
      'place #3 on #2 at x',
      'make-group peers:5 from origin 1, shared',
      'set-group #2 to peers:5',
      'clone #4 = 1:/k',
      'place #4 on #1 at b',
      'set-group #4 to peers:5',
      'become-root #1',
      'drop-old-root',
    ]);
  });

  test('start with a member on which nothing is mounted, of which others like it are clones', () => {
    const shared = { device: '0:2', propagation: { shared: 5 } };
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', shared),
      mount(3, 2, '/a/x'),
      mount(4, 1, '/b', { ...shared, root: '/k' }),
      mount(5, 1, '/c', shared),
      mount(6, 1, '/d', { ...shared, options: ['ro', 'relatime'] }),
      mount(7, 1, '/e', { ...shared, propagation: { master: 5 } }),
    );
    expect(stepsOf(tree).filter((line) => /#[24567]\b|group/.test(line))).toEqual([
      'clone #2 = 1:/',
      'place #2 on #1 at a',
      'place #3 on #2 at x',
      'start-group peers:5 with #5 from origin 1, shared',
      'set-group #2 to peers:5',
      'clone #4 = 1:/k',
      'place #4 on #1 at b',
      'set-group #4 to peers:5',
      'place #5 on #1 at c',
      'clone-member #6 of peers:5',
      'place #6 on #1 at d',
      'start-group slaves:5 with #7, slave of peers:5',
      'place #7 on #1 at e',
    ]);
    const plan = planRestore(tree, {}, hostFacts());
    expect(plan.steps.find(({ kind }) => kind === 'clone-member')).toMatchObject({
      attributes: 1,
      reason: 'mount 6 at /d shows what mount 5 at /c shows, and shares what that shares',
    });
  });

  test('start with a holder where no member that shows all is without mounts on it, or can be cloned', () => {
    const shared = { device: '0:2', propagation: { shared: 5 } };
    const starts = (...mounts: Mount[]) =>
      stepsOf(treeOf(ROOT, mount(2, 1, '/a', shared), mount(3, 2, '/a/x'), ...mounts)).find((line) =>
        /(make|start)-group/.test(line),
      );
    const holder = 'make-group peers:5 from origin 1, shared';
    expect(starts(mount(4, 1, '/b', { ...shared, root: '/k' }))).toBe(holder);
    expect(starts(mount(4, 1, '/b', { ...shared, idmap: { uid: MAP, gid: MAP } }))).toBe(holder);
    expect(starts(mount(4, 1, '/b', shared))).toBe('start-group peers:5 with #4 taking origin 1, shared');
  });

  test('start with those that they follow, however long the chain', () => {
    const of = (shared: number | undefined, master?: number) => ({
      device: '0:2',
      propagation: {
        ...(shared === undefined ? {} : { shared }),
        ...(master === undefined ? {} : { master }),
      },
    });
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/d', of(undefined, 7)),
      mount(3, 1, '/c', of(7, 6)),
      mount(4, 1, '/b', of(6, 5)),
      mount(5, 1, '/a', of(5)),
    );
    expect(stepsOf(tree).filter((line) => line.includes('group'))).toEqual([
      'start-group peers:5 with #5 taking origin 1, shared',
      'start-group peers:6 with #4, slave of peers:5, shared',
      'start-group peers:7 with #3, slave of peers:6, shared',
      'start-group slaves:7 with #2, slave of peers:7',
    ]);
    const none = treeOf(
      ...tree.mounts,
      ...tree.mounts.slice(1).map(({ id, mountPoint }) => mount(id + 10, id, `${mountPoint}/x`)),
    );
    expect(stepsOf(none).filter((line) => line.includes('group'))).toEqual([
      'make-group peers:5 from origin 1, shared',
      'make-group peers:6 from peers:5, slave of peers:5, shared',
      'make-group peers:7 from peers:6, slave of peers:6, shared',
      'make-group slaves:7 from peers:7, slave of peers:7',
      'set-group #2 to slaves:7',
      'set-group #3 to peers:7',
      'set-group #4 to peers:6',
      'set-group #5 to peers:5',
    ]);
  });

  test('of a shared cover of the root are joined last too, because the old root is put on it', () => {
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/', { propagation: { shared: 1 } }),
      mount(3, 2, '/', { propagation: { shared: 2 } }),
    );
    const steps = stepsOf(tree);
    const last = steps.indexOf('drop-old-root');
    expect(steps.slice(last)).toEqual(['drop-old-root', 'set-group #3 to peers:2']);
    expect(steps.slice(0, last)).toContain('set-group #2 to peers:1');
  });

  test('of the root are made before it becomes the root, and joined when the old one is gone', () => {
    expect(stepsOf(treeOf(mount(1, 0, '/', { propagation: { shared: 1 } })))).toEqual([
      'make-filesystem 0',
      'clone #1 = 0:/',
      'make-group peers:1 from origin 0, shared',
      'become-root #1',
      'drop-old-root',
      'set-group #1 to peers:1',
    ]);
  });

  test('that are unbindable slaves join like others', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { device: '0:2', propagation: { shared: 3 } }),
      mount(3, 1, '/b', { device: '0:2', propagation: { master: 3, unbindable: true } }),
    );
    expect(stepsOf(tree).filter((line) => line.includes('#3'))).toEqual([
      'take #3 = 1:/ unbindable',
      'place #3 on #1 at b',
      'set-group #3 to slaves:3',
    ]);
  });

  test('that follow the host start with a clone of the host mount', () => {
    const propagation = { shared: 2, master: 1 };
    const tree = treeOf(ROOT, mount(2, 1, '/a', { ...disk, root: '/srv', propagation }));
    const facts = hostFacts({ sources: { '/srv': onDisk('/srv') } });
    const plan = planRestore(tree, { slaves: { '/a': '/srv' } }, facts);
    expect(plan.steps.map(stepText).slice(3)).toEqual([
      'make-group slaves:1 from mount of /srv, follows host',
      'clone-source 1 = /srv',
      'start-group peers:2 with #2 taking origin 1, slave of slaves:1, shared',
      'place #2 on #1 at a',
      'become-root #1',
      'drop-old-root',
    ]);
    expect(plan.imports).toEqual([
      { path: '/srv', of: 'mount' },
      { path: '/srv', of: 'path' },
    ]);
    expect([...plan.target.hostMasters]).toEqual([[1, '/srv']]);
    expect(plan.hostEffects).toEqual([]);
  });

  test.each([
    ['private', {}],
    ['slave', { master: 9 }],
    ['unbindable', { unbindable: true }],
  ] as const)('may share a %s host mount first, once, and tell', (before, propagation) => {
    const slave = { type: 'ext4', device: '8:1', propagation: { master: 1 } };
    const tree = treeOf(ROOT, mount(2, 1, '/a', slave), mount(3, 1, '/b', { ...slave, root: '/b' }));
    const sources = { '/srv': wholeMount('/srv', { device: '8:1', type: 'ext4', propagation }) };
    const plan = planRestore(tree, { slaves: { '/a': '/srv' }, shareSources: true }, hostFacts({ sources }));
    expect(plan.steps.map(stepText).filter((line) => /share|group/.test(line))).toEqual([
      `share-source /srv (was ${before})`,
      'make-group slaves:1 from mount of /srv, follows host',
      'set-group #2 to slaves:1',
      'set-group #3 to slaves:1',
    ]);
    expect(plan.hostEffects).toEqual([
      {
        kind: 'share-source',
        path: '/srv',
        description: 'the mount that /srv is on becomes shared (MS_SHARED), and stays so',
        undone: true,
      },
    ]);
  });

  test('lose a master that is to be ignored', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { propagation: { master: 7 } }),
      mount(3, 1, '/b', { propagation: { shared: 4, master: 8 } }),
    );
    const plan = planRestore(tree, { ignoreHostPropagation: true }, hostFacts());
    expect(plan.steps.map(stepText).filter((line) => /group|#2/.test(line))).toEqual([
      'take #2 = 1:/',
      'place #2 on #1 at a',
      'start-group peers:4 with #3 taking origin 2, shared',
    ]);
    expect(plan.target.tree.get(3)?.propagation).toEqual({ shared: 4, unbindable: false });
    expect(plan.notes.ignoredMasters.map(({ mount: { id }, master }) => [id, master])).toEqual([
      [2, 7],
      [3, 8],
    ]);
  });

  test('of mounts from two host paths start from the mount that both are on', () => {
    const peers = { ...disk, propagation: { shared: 5 } };
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { ...peers, root: '/x' }),
      mount(3, 1, '/b', { ...peers, root: '/y' }),
    );
    const facts = hostFacts({ sources: { '/x': onDisk('/x'), '/y': onDisk('/y') } });
    const plan = planRestore(tree, { external: { '/a': '/x', '/b': '/y' } }, facts);
    expect(plan.steps.map(stepText).filter((line) => /^(clone-source|make-group)/.test(line))).toEqual([
      'clone-source 1 = /x',
      'clone-source 2 = mount of /x',
      'make-group peers:5 from origin 2, shared',
      'clone-source 3 = /y',
    ]);
    expect(plan.imports).toEqual([
      { path: '/x', of: 'path' },
      { path: '/x', of: 'mount' },
      { path: '/y', of: 'path' },
    ]);
  });
});
