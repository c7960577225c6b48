import { describe, expect, test } from 'vitest';
import type { MountTree } from '../../../lib/model/tree.ts';
import type { RestoreOptions } from '../../../lib/plan/options.ts';
import { planRestore } from '../../../lib/plan/restore.ts';
import { DISK, hostFacts, onDisk, wholeMount } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { stepText } from './steps-text.ts';

const ROOT = mount(1, 0, '/');
const disk = { device: '8:1', type: 'ext4', source: '/dev/sda1' };

function stepsOf(tree: MountTree, options: RestoreOptions = {}, facts = hostFacts()): string[] {
  return planRestore(tree, options, facts).steps.map(stepText);
}

describe('mounts', () => {
  test('that are alone in their filesystem are it, and one becomes the root of a new namespace', () => {
    expect(stepsOf(treeOf(mount(1, 0, '/', { options: ['ro', 'nosuid', 'noatime'] })))).toEqual([
      'make-filesystem 0',
      'take #1 = 0:/ ro nosuid noatime',
      'become-root #1',
      'drop-old-root',
    ]);
  });

  test('of one filesystem are clones of it, with the directories and files that they show and are on', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { device: '0:1', root: '/x/y' }),
      mount(3, 1, '/f', { device: '0:1', root: '/x/z', kind: 'file', options: ['rw'] }),
    );
    expect(stepsOf(tree)).toEqual([
      'make-filesystem 0',
      'make-directory 0:/a',
      'make-file 0:/f',
      'make-directory 0:/x',
      'make-directory 0:/x/y',
      'make-file 0:/x/z',
      'clone #1 = 0:/',
      'clone #2 = 0:/x/y',
      'place #2 on #1 at a',
      'clone #3 = 0:/x/z strictatime',
      'place #3 on #1 at f',
      'become-root #1',
      'drop-old-root',
    ]);
  });

  test('that another will hide come before it', () => {
    expect(stepsOf(treeOf(ROOT, mount(2, 1, '/a'), mount(3, 1, '/a/b/c'), mount(4, 1, '/a/b')))).toEqual([
      'make-filesystem 0',
      'make-directory 0:/a',
      'make-directory 0:/a/b',
      'make-directory 0:/a/b/c',
      'take #1 = 0:/',
      'make-filesystem 1',
      'take #3 = 1:/',
      'place #3 on #1 at a/b/c',
      'make-filesystem 2',
      'take #4 = 2:/',
      'place #4 on #1 at a/b',
      'make-filesystem 3',
      'take #2 = 3:/',
      'place #2 on #1 at a',
      'become-root #1',
      'drop-old-root',
    ]);
  });

  test('that cover the root of their parent come after all else on it', () => {
    const tree = treeOf(ROOT, mount(2, 1, '/a'), mount(3, 2, '/a'), mount(4, 2, '/a/b'), mount(5, 1, '/'));
    expect(stepsOf(tree)).toEqual([
      'make-filesystem 0',
      'make-directory 0:/a',
      'take #1 = 0:/',
      'make-filesystem 1',
      'make-directory 1:/b',
      'take #2 = 1:/',
      'place #2 on #1 at a',
      'make-filesystem 2',
      'take #4 = 2:/',
      'place #4 on #2 at b',
      'make-filesystem 3',
      'take #3 = 3:/',
      'place #3 on #2 at its root',
      'make-filesystem 4',
      'take #5 = 4:/',
      'place #5 on #1 at its root',
      'become-root #1',
      'drop-old-root',
    ]);
  });

  test('of a forest stand on the root that is supplied', () => {
    const forest = treeOf(mount(2, 1, '/proc', { type: 'proc' }), mount(3, 1, '/dev'));
    const paths = { proc: 'directory', dev: 'directory' } as const;
    expect(
      stepsOf(forest, { root: '/jail' }, hostFacts({ sources: { '/jail': onDisk('/jail', paths) } })),
    ).toEqual([
      'clone-source 0 = /jail',
      'take #1 = 0:/',
      'make-filesystem 1',
      'take #2 = 1:/',
      'place #2 on #1 at proc',
      'make-filesystem 2',
      'take #3 = 2:/',
      'place #3 on #1 at dev',
      'become-root #1',
      'drop-old-root',
    ]);
  });

  test('that the host supplies are cloned from one clone of its path', () => {
    const tree = treeOf(mount(1, 0, '/', disk), mount(2, 1, '/b', { ...disk, root: '/x' }));
    const facts = hostFacts({ sources: { '/r': onDisk('/r', { b: 'directory', x: 'directory' }) } });
    const plan = planRestore(tree, { root: '/r' }, facts);
    expect(plan.steps.map(stepText)).toEqual([
      'clone-source 0 = /r',
      'clone #1 = 0:/',
      'clone #2 = 0:/x',
      'place #2 on #1 at b',
      'become-root #1',
      'drop-old-root',
    ]);
    expect(plan.imports).toEqual([{ path: '/r', of: 'path' }]);
    expect(plan.hostEffects).toEqual([]);
    expect(plan.steps.find((step) => step.kind === 'place')).toMatchObject({ ownNodes: false });
  });

  test('that are unbindable or idmapped become so when they are cloned', () => {
    const idmap = {
      uid: [{ inside: 0, outside: 9, length: 1 }],
      gid: [{ inside: 0, outside: 9, length: 1 }],
    };
    const options = ['rw', 'relatime', 'idmapped'];
    const tree = treeOf(
      mount(1, 0, '/', { propagation: { unbindable: true } }),
      mount(2, 1, '/a', { options, idmap }),
      mount(3, 1, '/b', { options }),
    );
    const plan = planRestore(tree, { idmap: { '/b': idmap } }, hostFacts());
    expect(plan.steps.map(stepText).filter((line) => /^(take|clone)/.test(line))).toEqual([
      'take #1 = 0:/ unbindable',
      'clone #2 = 1:/ idmap',
      'clone #3 = 2:/ idmap',
    ]);
    expect(plan.target.tree.get(3)).toMatchObject({ idmap, options });
  });
});

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
      'make-group peers:5 from origin 1, shared',
      'make-group peers:6 from origin 1, slave of peers:5, shared',
      'make-group peers:7 from origin 1, slave of peers:6, shared',
      'make-group slaves:7 from origin 1, slave of peers:7',
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
      'clone #3 = 1:/ unbindable',
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
      'clone-source 1 = /srv',
      'clone #2 = 1:/',
      'place #2 on #1 at a',
      'make-group slaves:1 from mount of /srv, follows host',
      'make-group peers:2 from origin 1, slave of slaves:1, shared',
      'set-group #2 to peers:2',
      'become-root #1',
      'drop-old-root',
    ]);
    expect(plan.imports).toEqual([
      { path: '/srv', of: 'path' },
      { path: '/srv', of: 'mount' },
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
      'make-group peers:4 from origin 2, shared',
      'set-group #3 to peers:4',
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

describe('deleted roots', () => {
  test('go with the directories between them, which nothing shows', () => {
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/a', { device: '0:1', root: '/x', deleted: true }),
      mount(3, 1, '/b', { device: '0:1', root: '/x/y/z/w', deleted: true }),
    );
    expect(stepsOf(tree).filter((line) => line.startsWith('delete'))).toEqual([
      'delete-directory 0:/x/y/z/w',
      'delete-directory 0:/x/y/z',
      'delete-directory 0:/x/y',
      'delete-directory 0:/x',
    ]);
  });

  test('need not be of the kind that their name is now', () => {
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/a', { device: '0:1', root: '/x', deleted: true }),
      mount(3, 1, '/b', { device: '0:1', root: '/x', kind: 'file' }),
    );
    const steps = stepsOf(tree);
    expect(steps.filter((line) => /^make-(file|directory) 0:\/[x.]/.test(line))).toHaveLength(2);
    expect(steps).toContain('delete-directory 0:/x');
  });

  test('are removed when all is placed, deepest first', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { device: '0:1', root: '/gone', deleted: true }),
      mount(3, 1, '/b', { device: '0:1', root: '/gone/file', deleted: true, kind: 'file' }),
    );
    expect(stepsOf(tree)).toEqual([
      'make-filesystem 0',
      'make-directory 0:/a',
      'make-file 0:/b',
      'make-directory 0:/gone',
      'make-file 0:/gone/file',
      'clone #1 = 0:/',
      'clone #2 = 0:/gone',
      'place #2 on #1 at a',
      'clone #3 = 0:/gone/file',
      'place #3 on #1 at b',
      'delete-file 0:/gone/file',
      'delete-directory 0:/gone',
      'become-root #1',
      'drop-old-root',
    ]);
  });

  test('whose name lives again wait under another, and have the name back when they go', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { device: '0:1', root: '/x', deleted: true }),
      mount(3, 1, '/b', { device: '0:1', root: '/x' }),
    );
    expect(stepsOf(tree)).toEqual([
      'make-filesystem 0',
      'make-directory 0:/a',
      'make-directory 0:/b',
      'make-directory 0:/x',
      'make-directory 0:/.waiting-0',
      'clone #1 = 0:/',
      'clone #2 = 0:/.waiting-0',
      'place #2 on #1 at a',
      'clone #3 = 0:/x',
      'place #3 on #1 at b',
      'rename 0:/x -> /.aside-1',
      'rename 0:/.waiting-0 -> /x',
      'delete-directory 0:/x',
      'rename 0:/.aside-1 -> /x',
      'become-root #1',
      'drop-old-root',
    ]);
  });

  test('have their name live where it holds a mount point or a root', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { device: '0:1', root: '/x', deleted: true }),
      mount(3, 1, '/x/y'),
    );
    expect(stepsOf(tree).filter((line) => /rename|delete|waiting/.test(line))).toEqual([
      'make-directory 0:/.waiting-0',
      'clone #2 = 0:/.waiting-0',
      'rename 0:/x -> /.aside-1',
      'rename 0:/.waiting-0 -> /x',
      'delete-directory 0:/x',
      'rename 0:/.aside-1 -> /x',
    ]);
  });
});

describe('a read-only superblock', () => {
  test('becomes so when all that it needs is in it', () => {
    const tree = treeOf(ROOT, mount(2, 1, '/a', { superOptions: 'ro,size=4k' }), mount(3, 2, '/a/b'));
    expect(stepsOf(tree).slice(3, 7)).toEqual([
      'make-filesystem 1',
      'make-directory 1:/b',
      'superblock-read-only 1',
      'take #2 = 1:/',
    ]);
  });

  test('becomes so where nothing can be created in it, too', () => {
    const tree = treeOf(ROOT, mount(2, 1, '/proc', { type: 'proc', superOptions: 'ro,hidepid=2' }));
    expect(stepsOf(tree).slice(3)).toEqual([
      'make-filesystem 1',
      'superblock-read-only 1',
      'take #2 = 1:/',
      'place #2 on #1 at proc',
      'become-root #1',
      'drop-old-root',
    ]);
  });

  test('of a stand-in or of a window stays writable', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { ...disk, superOptions: 'ro' }),
      mount(3, 1, '/s', { type: 'sysfs', superOptions: 'ro' }),
    );
    expect(stepsOf(tree, { standIn: ['/a'] }).filter((line) => line.startsWith('superblock'))).toEqual([]);
  });
});

test('a /dev gets the devices and links of a container, but not where the tree mounts something', () => {
  const tree = treeOf(
    ROOT,
    mount(2, 1, '/dev'),
    mount(3, 2, '/dev/pts', { type: 'devpts' }),
    mount(4, 2, '/dev/null', { ...disk, root: '/null', kind: 'file' }),
  );
  const facts = hostFacts({ sources: { '/dev/null': { kind: 'file', mount: DISK } } });
  const steps = stepsOf(tree, { dev: '/dev', external: { '/dev/null': '/dev/null' } }, facts);
  expect(steps.slice(3, 16)).toEqual([
    'make-filesystem 1',
    'make-file 1:/null',
    'make-directory 1:/pts',
    'make-device 1:/zero 1:5 666',
    'make-device 1:/full 1:7 666',
    'make-device 1:/random 1:8 666',
    'make-device 1:/urandom 1:9 666',
    'make-device 1:/tty 5:0 666',
    'make-link 1:/ptmx -> pts/ptmx',
    'make-link 1:/fd -> /proc/self/fd',
    'make-link 1:/stdin -> /proc/self/fd/0',
    'make-link 1:/stdout -> /proc/self/fd/1',
    'make-link 1:/stderr -> /proc/self/fd/2',
  ]);
});

describe('attaching', () => {
  const tree = treeOf(mount(1, 0, '/', { propagation: { shared: 1 } }));
  const attach = {
    kind: 'attach',
    path: '/d',
    description: "the tree is attached at /d in the caller's namespace",
    undone: true,
  };

  test('comes last, after the root joined its group', () => {
    const plan = planRestore(tree, { into: { at: '/d' } }, hostFacts());
    expect(plan.steps.map(stepText)).toEqual([
      'make-filesystem 0',
      'clone #1 = 0:/',
      'make-group peers:1 from origin 0, shared',
      'set-group #1 to peers:1',
      'attach #1 at /d',
    ]);
    expect(plan.hostEffects).toEqual([attach]);
  });

  test('may make its place private first', () => {
    const plan = planRestore(tree, { into: { at: '/d' }, makeDestinationPrivate: true }, hostFacts());
    expect(plan.steps.map(stepText).slice(-2)).toEqual(['make-destination-private /d', 'attach #1 at /d']);
    expect(plan.hostEffects).toEqual([
      {
        kind: 'make-destination-private',
        path: '/d',
        description: '/d is bound on itself and made private, until the tree is released',
        undone: true,
      },
      attach,
    ]);
  });
});

describe('filesystems', () => {
  test('are made with the options that pass; a window with those in force here', () => {
    const tree = treeOf(
      mount(1, 0, '/', { superOptions: 'rw,seclabel,size=4k,mode=700', source: 'none' }),
      mount(2, 1, '/cg', { type: 'cgroup2', superOptions: 'rw', source: 'cgroup' }),
      mount(3, 1, '/a', disk),
    );
    const facts = hostFacts({ filesystems: { cgroup2: { device: '0:26', superOptions: 'rw,nsdelegate' } } });
    const plan = planRestore(tree, { standIn: ['/a'] }, facts);
    expect(plan.origins).toEqual([
      {
        kind: 'filesystem',
        type: 'tmpfs',
        source: 'none',
        parameters: [
          { key: 'size', value: '4k' },
          { key: 'mode', value: '700' },
        ],
      },
      { kind: 'filesystem', type: 'cgroup2', source: 'cgroup', parameters: [{ key: 'nsdelegate' }] },
      {
        kind: 'filesystem',
        type: 'tmpfs',
        source: 'stand-in-ext4',
        parameters: [{ key: 'mode', value: '755' }],
        standInFor: 'ext4',
      },
    ]);
    expect(plan.notes.droppedOptions.map(({ mount: { id }, options }) => [id, options])).toEqual([
      [1, ['seclabel']],
    ]);
    expect(
      plan.notes.windowOptions.map(({ mount: { id }, captured, inForce }) => [id, captured, inForce]),
    ).toEqual([[2, 'rw', 'rw,nsdelegate']]);
    expect([...plan.target.looseSuperOptions]).toEqual([2]);
    expect(plan.target.tree.get(2)?.device).toBe('0:26');
  });

  test('made empty are noted', () => {
    const tree = treeOf(ROOT, mount(2, 1, '/run', { root: '/x' }));
    const plan = planRestore(tree, { fresh: ['/run'] }, hostFacts());
    expect(plan.notes.leftEmpty.map(({ id }) => id)).toEqual([2]);
    expect(plan.steps.map(stepText).slice(3, 6)).toEqual([
      'make-filesystem 1',
      'make-directory 1:/x',
      'clone #2 = 1:/x',
    ]);
  });
});
