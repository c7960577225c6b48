import { describe, expect, test } from 'vitest';
import { MalformedTreeError } from '../../../lib/errors.ts';
import { UnmetRequirementsError } from '../../../lib/plan/options/requirements.ts';
import { requirements } from '../../../lib/plan/resolve.ts';
import { planRestore } from '../../../lib/plan/restore.ts';
import { hostFacts, onDisk } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { kindsTold, told } from './told.ts';

const ROOT = mount(1, 0, '/');
const ext4 = { device: '8:1', type: 'ext4', source: '/dev/sda1' };

describe('an engine', () => {
  test('that this kernel cannot run is required, and another offered', () => {
    const facts = hostFacts({ engines: { detached: 'move_mount: ENOSYS', yard: 'not yet' } });
    expect(told(treeOf(ROOT), {}, facts)).toEqual([
      ['engine', 'the detached engine cannot be used here: move_mount: ENOSYS'],
    ]);
    expect(told(treeOf(ROOT), { engine: 'yard' }, facts)).toEqual([
      ['engine', 'the yard engine cannot be used here: not yet'],
    ]);
    const without = hostFacts({ engines: { detached: true, yard: 'not yet' } });
    expect(told(treeOf(ROOT), { engine: 'yard' }, without)).toEqual([
      ['engine', 'the yard engine cannot be used here: not yet', '--engine detached'],
    ]);
  });

  test('is not asked of a user who cannot try it', () => {
    const facts = hostFacts({ engines: { detached: 'EPERM' }, privileges: { mount: false, uid: 1000 } });
    expect(kindsTold(treeOf(ROOT), {}, facts)).toEqual(['privilege']);
  });
});

describe('skip', () => {
  test('takes along what is mounted below, and what is mounted on that', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', ext4),
      mount(3, 2, '/a/b', ext4),
      mount(4, 3, '/a/b'),
      mount(5, 1, '/c'),
    );
    const { target, notes } = planRestore(tree, { skip: ['/a'] }, hostFacts());
    expect(target.tree.mounts.map(({ id }) => id)).toEqual([1, 5]);
    expect(notes.skipped.map(({ id }) => id)).toEqual([2, 3, 4]);
  });

  test('makes others lose the root of their filesystem', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { device: '0:9' }),
      mount(3, 1, '/b', { device: '0:9', root: '/b' }),
    );
    expect(kindsTold(tree)).toEqual([]);
    expect(told(tree, { skip: ['/a'] })[0]?.slice(0, 2)).toEqual([
      'external 3',
      'mount 3 at /b shows /b of a tmpfs whose / the tree does not have',
    ]);
  });

  test('makes others lose their master', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { device: '0:9', propagation: { shared: 4 } }),
      mount(3, 1, '/b', { device: '0:9', propagation: { master: 4 } }),
    );
    expect(kindsTold(tree)).toEqual([]);
    expect(kindsTold(tree, { skip: ['/a'] })).toEqual(['master 3']);
  });
});

describe('stand-ins for all', () => {
  test('take the place of what is unmet only, and tell why', () => {
    const tree = treeOf(
      mount(1, 0, '/', ext4),
      mount(2, 1, '/proc', { type: 'proc' }),
      mount(3, 1, '/run', { root: '/x' }),
      mount(4, 1, '/opt', { superOptions: 'rw,context=x' }),
      mount(5, 1, '/tmp'),
    );
    const { notes } = planRestore(tree, { standIn: 'all' }, hostFacts());
    expect(notes.standIns.map(({ mount: { id }, because }) => [id, because])).toEqual([
      [1, 'mount 1 at / is an ext4, which only the host can supply'],
      [3, 'mount 3 at /run shows /x of a tmpfs whose / the tree does not have'],
      [4, 'mount 4 at /opt is a tmpfs with the option context=x, which a snapshot may not set'],
    ]);
  });

  test('take a superblock whole, but leave what is named', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', ext4),
      mount(3, 1, '/b', { ...ext4, root: '/b' }),
      mount(4, 1, '/c', { ...ext4, root: '/c' }),
      mount(5, 1, '/d', { type: 'xfs' }),
    );
    const options = { standIn: 'all', external: { '/b': '/srv' }, skip: ['/d'] } as const;
    const { target } = planRestore(tree, options, hostFacts({ sources: { '/srv': onDisk('/srv') } }));
    expect([...target.standIns]).toEqual([2, 4]);
    expect(target.tree.get(3)).toMatchObject({ type: 'ext4', root: '/srv' });
    expect(target.tree.get(2)).toMatchObject({
      type: 'tmpfs',
      source: 'stand-in-ext4',
      device: 'stand-in:8:1',
    });
  });

  test('do not take what is to be made anew, even where it cannot be', () => {
    const tree = treeOf(ROOT, mount(2, 1, '/a', { superOptions: 'rw,context=x', root: '/x' }));
    expect(kindsTold(tree, { standIn: 'all', fresh: ['/a'] })).toEqual(['option 2']);
    expect(kindsTold(tree, { standIn: 'all', fresh: 'all' })).toEqual([]);
  });
});

describe('names that every object has', () => {
  const names = ['constructor', '__proto__', 'toString', 'hasOwnProperty'];

  test.each(names)('are types like any other: %s', (type) => {
    expect(told(treeOf(ROOT, mount(2, 1, '/a', { type })))).toEqual([
      [
        'external 2',
        expect.stringMatching(/^mount 2 at \/a is an? .*, which only the host can supply$/),
        '--external /a=SOURCE',
        '--stand-in /a',
        '--skip /a',
      ],
    ]);
  });

  test.each(names)('are paths like any other: %s', (name) => {
    const tree = treeOf(
      mount(1, 0, '/', ext4),
      mount(2, 1, `/${name}`),
      mount(3, 1, '/s', { type: 'sysfs', superOptions: `rw,${name}=1` }),
      mount(4, 3, `/s/${name}`),
    );
    const facts = hostFacts({
      sources: { '/r': onDisk('/r', { s: 'directory' }), [name]: onDisk('/x') },
      filesystems: { sysfs: {}, tmpfs: {} },
    });
    expect(planRestore(tree, { root: '/r' }, facts).notes.assumed).toEqual([
      `the sysfs here has /${name}`,
      `/r/${name} exists`,
    ]);
  });

  test('are found in facts where they are their own', () => {
    const tree = treeOf(mount(1, 0, '/', ext4), mount(2, 1, '/__proto__'));
    const paths = JSON.parse('{"__proto__": "absent"}');
    expect(kindsTold(tree, { root: '/r' }, hostFacts({ sources: { '/r': onDisk('/r', paths) } }))).toEqual([
      'mount-point 2',
    ]);
  });
});

test('a tree that no namespace can hold is malformed, before anything is asked of the host', () => {
  expect(() => requirements(treeOf(), {}, hostFacts())).toThrow('the table has no mount');
  const cycle = treeOf(ROOT, mount(2, 3, '/a'), mount(3, 2, '/a/b'));
  expect(() => requirements(cycle, {}, hostFacts())).toThrow(MalformedTreeError);
});

test('the error names every requirement and its cures, privilege among them', () => {
  const facts = hostFacts({ privileges: { mount: false, uid: 7, mknod: false } });
  const tree = treeOf(mount(1, 0, '/', { type: 'xfs' }));
  try {
    planRestore(tree, {}, facts);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(UnmetRequirementsError);
    expect((error as UnmetRequirementsError).requirements.map(({ kind }) => kind)).toEqual([
      'root',
      'privilege',
    ]);
    expect(String(error)).toContain(
      '2 requirements are not met:\n' +
        '  - mount 1 at / is a xfs, which only the host can supply\n' +
        '      --root DIR  (a directory of this host supplies it)\n' +
        '      --stand-in /  (an empty tmpfs takes the place of its filesystem)\n' +
        '  - CAP_SYS_ADMIN over the mount namespace is missing (uid 7)\n',
    );
  }
});
