import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../lib/errors.ts';
import { joinNamespaces } from '../../../lib/plan/namespaces.ts';
import { chooseFrom } from '../../../lib/plan/options/choices.ts';
import type { RestoreOptions } from '../../../lib/plan/options/options.ts';
import { requirements } from '../../../lib/plan/resolve.ts';
import { hostFacts } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';

const TREE = treeOf(
  mount(1, 0, '/'),
  mount(2, 1, '/proc', { type: 'proc' }),
  mount(3, 1, '/data', { device: '8:1', type: 'ext4' }),
  mount(4, 3, '/data', { device: '8:2', type: 'ext4' }),
);
const WITH_SLAVES = treeOf(
  mount(1, 0, '/'),
  mount(2, 1, '/a', { device: '8:1', type: 'ext4', propagation: { master: 7 } }),
  mount(3, 1, '/b', { device: '8:1', type: 'ext4', propagation: { master: 7 } }),
  mount(4, 1, '/c', { propagation: { shared: 8 } }),
  mount(5, 1, '/d', { device: '0:4', propagation: { master: 8 } }),
);

function refusal(options: RestoreOptions, tree = TREE): string {
  try {
    chooseFrom(joinNamespaces(tree), options);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
  return 'accepted';
}

describe('userNamespace', () => {
  test.each([true, 'Self', null, {}, { uidMap: ['0 0 1'] }, { uid: ['0 0 1'], gid: ['0 0 1'] }])(
    '%j is neither self nor maps',
    (userNamespace) => {
      expect(refusal({ userNamespace } as unknown as RestoreOptions)).toMatch(
        /^userNamespace: it is 'self' or/,
      );
    },
  );

  test('maps are', () => {
    expect(refusal({ userNamespace: { uidMap: ['0 0 1'], gidMap: ['0 0 1'] } })).toBe('accepted');
  });
});

describe('into', () => {
  test.each<[string, unknown]>([
    ['a new namespace', { namespace: 'new' }],
    ['a directory', { at: '/srv' }],
    ['the namespace of a process', { namespace: 7 }],
    ['a directory of it', { namespace: 7, at: '/srv' }],
    ['a namespace that is held', { namespace: { fd: { number: 3 } } }],
  ])('is %s', (_, into) => {
    expect(refusal({ into } as RestoreOptions)).toBe('accepted');
  });

  test.each<[unknown]>([[{}], [{ namespace: 'old' }], [{ namespace: 'new', at: '/srv' }], [{ At: '/srv' }]])(
    'is not %j',
    (into) => {
      expect(refusal({ into } as RestoreOptions)).toMatch(/^into: it is {namespace: 'new'}, {at: DIR}/);
    },
  );

  test.each<[RestoreOptions]>([
    [{ into: { at: '/srv' }, userNamespace: 'self' }],
    [{ into: { namespace: 7 }, newNamespaces: ['pid'] }],
  ])('that exists has its user namespace: %j', (options) => {
    expect(refusal(options)).toContain('are for a new one');
  });
});

test('newNamespaces has the kinds that there are', () => {
  expect(refusal({ newNamespaces: ['mnt' as 'pid'] })).toBe(
    'newNamespaces: "mnt" is none of pid, net, ipc, cgroup',
  );
});

describe('a target', () => {
  test('is a mount point, which names the topmost mount there', () => {
    expect([...chooseFrom(joinNamespaces(TREE), { external: { '/data': '/srv' } }).external]).toEqual([
      [4, '/srv'],
    ]);
  });

  test('is #ID, which names one mount of a stack', () => {
    expect([
      ...chooseFrom(joinNamespaces(TREE), { external: { '#3': '/srv', '#4': '/srw' } }).external,
    ]).toEqual([
      [3, '/srv'],
      [4, '/srw'],
    ]);
  });

  test('that is hidden under another mount has to be named by its id', () => {
    const tree = treeOf(mount(1, 0, '/'), mount(2, 1, '/a/b'), mount(3, 1, '/a'));
    expect(refusal({ skip: ['/a/b'] }, tree)).toBe(
      'skip: the mount at /a/b is hidden, or in another namespace: name it as #2',
    );
  });

  test('that is not in the tree is told with the option that named it', () => {
    expect(refusal({ external: { '/nowhere': '/srv' } })).toBe('external: the tree has no mount at /nowhere');
    expect(refusal({ fresh: ['/nowhere'] })).toBe('fresh: the tree has no mount at /nowhere');
    expect(refusal({ standIn: ['#99'] })).toBe('standIn: the tree has no mount #99');
    expect(refusal({ skip: ['proc'] })).toBe('skip: the tree has no mount at proc');
    expect(refusal({ dev: '/dev' })).toBe('dev: the tree has no mount at /dev');
    expect(refusal({ idmap: { '/x': { uid: [], gid: [] } } })).toBe('idmap: the tree has no mount at /x');
    expect(refusal({ slaves: { '/x': '/srv' } })).toBe('slaves: the tree has no mount at /x');
  });

  test('that is the name of a property of every object is no mount', () => {
    for (const target of ['constructor', '__proto__', 'toString']) {
      expect(refusal({ skip: [target] })).toBe(`skip: the tree has no mount at ${target}`);
      expect(refusal({ external: { [target]: '/srv' } })).toBe(
        `external: the tree has no mount at ${target}`,
      );
    }
  });

  test('may stand in one option under one name only', () => {
    expect(refusal({ external: { '/data': '/srv', '#4': '/srv' } })).toBe(
      'external: #4 names a mount that another key names too',
    );
    expect(refusal({ skip: ['/data', '#4'] })).toBe('accepted');
  });
});

describe('the same mount', () => {
  test.each([
    [{ external: { '/proc': '/p' }, fresh: ['/proc'] }, 'external', 'fresh'],
    [{ external: { '/proc': '/p' }, standIn: ['#2'] }, 'external', 'standIn'],
    [{ external: { '/proc': '/p' }, skip: ['/proc'] }, 'external', 'skip'],
    [{ fresh: ['/proc'], standIn: ['/proc'] }, 'fresh', 'standIn'],
    [{ fresh: ['/proc'], skip: ['/proc'] }, 'fresh', 'skip'],
    [{ standIn: ['/proc'], skip: ['/proc'] }, 'standIn', 'skip'],
  ] as const)('cannot be in two of external, fresh, standIn and skip: %j', (options, one, other) => {
    expect(refusal(options)).toBe(`both ${one} and ${other} name mount 2 at /proc: give one of them`);
  });

  test('can be in `all` and be named elsewhere', () => {
    expect(refusal({ standIn: 'all', fresh: ['/proc'], skip: ['/data'] })).toBe('accepted');
    expect(refusal({ fresh: 'all', standIn: ['/proc'] })).toBe('accepted');
  });
});

describe('the root mount', () => {
  test.each([
    { external: { '/': '/other' } },
    { fresh: ['/'] },
    { standIn: ['/'] },
    { skip: ['/'] },
  ] satisfies RestoreOptions[])('is supplied by `root` or by another option, not by both: %j', (options) => {
    expect(refusal({ root: '/srv', ...options })).toBe(
      'root supplies mount 1 at /, which another option names too: give one of them',
    );
  });

  test('cannot be skipped', () => {
    expect(refusal({ skip: ['#1'] })).toBe('skip names the root mount: nothing would be left to restore');
  });

  test('of a forest has no mount point that an option could name', () => {
    const forest = treeOf(mount(2, 1, '/proc'), mount(3, 1, '/dev'));
    expect(chooseFrom(joinNamespaces(forest), { root: '/srv' }).root).toBe('/srv');
    expect(refusal({ standIn: ['/'] }, forest)).toBe('standIn: the tree has no mount at /');
  });
});

test('host paths are absolute', () => {
  expect(refusal({ root: 'srv' })).toBe('root: "srv" is not an absolute path');
  expect(refusal({ external: { '/data': './srv' } })).toBe('external: "./srv" is not an absolute path');
  expect(refusal({ slaves: { '/data': '' } })).toBe('slaves: "" is not an absolute path');
  expect(refusal({ into: { at: 'here' } })).toBe('into.at: "here" is not an absolute path');
});

test('what is not given is off, and nothing is named', () => {
  expect(chooseFrom(joinNamespaces(TREE), {})).toEqual({
    root: undefined,
    external: new Map(),
    recursive: new Set(),
    slaves: new Map(),
    shareSources: false,
    ignoreHostPropagation: false,
    fresh: new Set(),
    freshAll: false,
    standIn: new Set(),
    standInAll: false,
    skip: new Set(),
    makeMountPoints: false,
    dev: undefined,
    idmap: new Map(),
    at: undefined,
    makeDestinationPrivate: false,
    userNamespace: undefined,
    engine: undefined,
    enters: false,
    newNamespaces: new Set(),
  });
});

describe('slaves', () => {
  const refused = (options: RestoreOptions) => {
    expect(() => requirements(WITH_SLAVES, options, hostFacts())).toThrow(UsageError);
    try {
      requirements(WITH_SLAVES, options, hostFacts());
    } catch (error) {
      return (error as Error).message;
    }
    return 'accepted';
  };

  test('of one master follow one source', () => {
    expect(refused({ slaves: { '/a': '/x', '/b': '/y' } })).toBe(
      'slaves: /x and /y are named for mounts of one master, peer group 7',
    );
  });

  test('that follow what supplies them are supplied by the host', () => {
    expect(refused({ slaves: { '/a': true } })).toBe(
      'slaves: nothing of the host supplies mount 2 at /a: name the path whose mount it follows',
    );
  });

  test('are named only where there is something to follow outside the tree', () => {
    expect(refused({ slaves: { '/c': '/x' } })).toBe('slaves: mount 4 at /c is not a slave');
    expect(refused({ slaves: { '/d': '/x' } })).toBe(
      'slaves: the master of mount 5 at /d, peer group 8, is in the tree',
    );
  });
});
