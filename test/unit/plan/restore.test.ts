import { describe, expect, test } from 'vitest';
import { planRestore } from '../../../lib/plan/restore.ts';
import { DISK, hostFacts, onDisk } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { disk, ROOT, stepsOf } from './planned.ts';
import { stepText } from './steps-text.ts';

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
