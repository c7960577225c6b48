import { describe, expect, test } from 'vitest';
import { planRestore } from '../../../lib/plan/restore.ts';
import { hostFacts } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { disk, ROOT, stepsOf } from './planned.ts';

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

  test('of one name are what they are on, where nothing else tells', () => {
    const gone = { device: '0:1', root: '/x', deleted: true } as const;
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/file', { ...gone, kind: 'file' }),
      mount(3, 1, '/b/z', { ...gone, kind: 'directory' }),
      mount(4, 1, '/a', { device: '0:1', root: '/b' }),
      mount(5, 4, '/a/z', { ...gone, kind: 'unknown' }), // on /b/z, too
      mount(6, 1, '/t', { device: '0:9', kind: 'unknown' }),
      mount(7, 6, '/t', { ...gone, kind: 'unknown' }), // on the root of a tmpfs
    );
    const clones = stepsOf(tree).flatMap((line) => /^clone #(\d) = (\S+)$/.exec(line)?.slice(1) ?? []);
    const rootOf = (id: number) => clones[clones.indexOf(String(id)) + 1];
    expect(rootOf(5)).toBe(rootOf(3));
    expect(rootOf(7)).toBe(rootOf(3));
    expect(rootOf(5)).not.toBe(rootOf(2));
  });

  test('of one name are as many as their inodes, and one that could not be looked at is none of its own', () => {
    const gone = { device: '0:1', root: '/x', deleted: true, kind: 'directory' } as const;
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/hidden', gone),
      mount(3, 1, '/a', { ...gone, rootInode: '7' }),
      mount(4, 1, '/b', { ...gone, rootInode: '9' }),
      mount(5, 1, '/c', { ...gone, rootInode: '7' }),
    );
    const steps = stepsOf(tree);
    expect(steps.filter((line) => line.startsWith('delete'))).toHaveLength(2);
    const cloned = ['#2', '#3', '#4', '#5'].map(
      (id) => steps.find((line) => line.startsWith(`clone ${id} `))?.split(' = ')[1],
    );
    expect(cloned).toEqual(['0:/x', '0:/x', '0:/.waiting-0', '0:/x']);
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

  test('of a read-only superblock keep a second name, and it becomes read-only last', () => {
    const readOnly = { device: '0:2', superOptions: 'ro', deleted: true } as const;
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { ...readOnly, root: '/x', kind: 'file' }),
      mount(3, 1, '/b', { ...readOnly, root: '/.mountyard-kept-0', kind: 'unknown' }),
      mount(4, 1, '/c', { ...readOnly, root: '/', deleted: false }),
    );
    const steps = stepsOf(tree);
    expect(steps.slice(steps.indexOf('place #4 on #1 at c') + 1)).toEqual([
      'link 1:/x -> /.mountyard-kept-1',
      'delete-file 1:/x',
      'link 1:/.mountyard-kept-0 -> /.mountyard-kept-2',
      'delete-file 1:/.mountyard-kept-0',
      'superblock-read-only 1',
      'become-root #1',
      'drop-old-root',
    ]);
    expect(
      planRestore(tree, {}, hostFacts()).notes.keptNames.map(({ mount, path }) => [mount.id, path]),
    ).toEqual([
      [2, '/.mountyard-kept-1'],
      [3, '/.mountyard-kept-2'],
    ]);
  });

  test('that are files with others below their name: of the directory that had it nothing stays', () => {
    const gone = { device: '0:1', deleted: true } as const;
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { ...gone, root: '/x', kind: 'file' }),
      mount(3, 1, '/b', { ...gone, root: '/x/y', kind: 'file' }),
    );
    expect(stepsOf(tree).filter((line) => /0:\/[x.]/.test(line))).toEqual([
      'make-directory 0:/x',
      'make-file 0:/.waiting-0',
      'make-file 0:/x/y',
      'clone #2 = 0:/.waiting-0',
      'clone #3 = 0:/x/y',
      'delete-file 0:/x/y',
      'delete-directory 0:/x',
      'rename 0:/.waiting-0 -> /x',
      'delete-file 0:/x',
    ]);
  });

  test('in a directory whose name a file has: made and removed in it while it waits', () => {
    const gone = { device: '0:1', deleted: true } as const;
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { ...gone, root: '/x/between/y' }),
      mount(3, 1, '/b', { ...gone, root: '/x/between/y', kind: 'file' }),
      mount(4, 1, '/f', { device: '0:1', root: '/x', kind: 'file' }),
    );
    expect(stepsOf(tree).filter((line) => /0:\/[x.]/.test(line))).toEqual([
      'make-file 0:/x',
      'make-directory 0:/.waiting-0',
      'make-directory 0:/.waiting-0/between',
      'make-directory 0:/.waiting-0/between/y',
      'make-file 0:/.waiting-1',
      'clone #2 = 0:/.waiting-0/between/y',
      'clone #3 = 0:/.waiting-1',
      'clone #4 = 0:/x',
      'delete-directory 0:/.waiting-0/between/y',
      'rename 0:/.waiting-1 -> /.waiting-0/between/y',
      'delete-file 0:/.waiting-0/between/y',
      'delete-directory 0:/.waiting-0/between',
      'rename 0:/x -> /.aside-0',
      'rename 0:/.waiting-0 -> /x',
      'delete-directory 0:/x',
      'rename 0:/.aside-0 -> /x',
    ]);
  });

  test('wait under names that no other has', () => {
    const names = ['/.waiting-0', '/.waiting-1', '/.aside-0'];
    const tree = treeOf(
      ROOT,
      ...names.map((root, i) => mount(2 + i, 1, `/named-${i}`, { device: '0:1', root })),
      ...['/x', '/y'].flatMap((root, i) => [
        mount(10 + i, 1, `/gone-${i}`, { device: '0:1', root, deleted: true }),
        mount(20 + i, 1, `/lives-${i}`, { device: '0:1', root }),
      ]),
    );
    expect(stepsOf(tree).filter((line) => line.startsWith('rename'))).toEqual([
      'rename 0:/y -> /.aside-1',
      'rename 0:/.waiting-3 -> /y',
      'rename 0:/.aside-1 -> /y',
      'rename 0:/x -> /.aside-1',
      'rename 0:/.waiting-2 -> /x',
      'rename 0:/.aside-1 -> /x',
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
      'rename 0:/x -> /.aside-0',
      'rename 0:/.waiting-0 -> /x',
      'delete-directory 0:/x',
      'rename 0:/.aside-0 -> /x',
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
      'rename 0:/x -> /.aside-0',
      'rename 0:/.waiting-0 -> /x',
      'delete-directory 0:/x',
      'rename 0:/.aside-0 -> /x',
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
