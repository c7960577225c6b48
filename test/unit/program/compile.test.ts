import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseMountinfo } from '../../../lib/formats/mountinfo.ts';
import { MountTree } from '../../../lib/model/tree.ts';
import { planRestore } from '../../../lib/plan/restore.ts';
import { compileRestore } from '../../../lib/program/compile.ts';
import { opCounts } from '../../../lib/program/decode.ts';
import { hostFacts, onDisk, wholeMount } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { disk, ROOT } from '../plan/planned.ts';
import { mountTrees } from '../plan/random-trees.ts';
import { compile, listing } from './compiled.ts';
import { slotUse } from './slots.ts';

const golden = (name: string) => `golden/${name}.txt`;
const asFile = (lines: readonly string[]) => `${lines.join('\n')}\n`;

describe('the listing', () => {
  test('of a single tmpfs', async () => {
    const tree = treeOf(
      mount(1, 0, '/', { superOptions: 'rw,size=4k,noswap', options: ['ro', 'nosuid', 'noatime'] }),
    );
    await expect(asFile(listing(tree))).toMatchFileSnapshot(golden('one-tmpfs'));
  });

  test('of peers, a slave, a deleted root and a read-only superblock', async () => {
    const tree = treeOf(
      mount(1, 0, '/', { propagation: { shared: 1 } }),
      mount(2, 1, '/a', { device: '0:2', superOptions: 'ro', propagation: { shared: 2 } }),
      mount(3, 2, '/a/b', {
        device: '0:2',
        superOptions: 'ro',
        root: '/x',
        propagation: { master: 2, unbindable: true },
      }),
      mount(4, 1, '/a/f', { device: '0:1', root: '/f', kind: 'file', deleted: true }),
      mount(5, 2, '/a'),
    );
    await expect(asFile(listing(tree))).toMatchFileSnapshot(golden('sharing'));
  });

  test('of a tree on a host directory, attached below a shared mount, with all that is undone', async () => {
    const idmap = {
      uid: [{ inside: 0, outside: 9, length: 1 }],
      gid: [{ inside: 0, outside: 9, length: 1 }],
    };
    const tree = treeOf(
      mount(1, 0, '/', { ...disk, propagation: { master: 7 } }),
      mount(2, 1, '/m/n'),
      mount(3, 1, '/f', {
        ...disk,
        root: '/etc/hosts',
        options: ['ro', 'relatime', 'idmapped'],
        idmap,
        kind: 'file',
      }),
      mount(4, 1, '/dev'),
    );
    const paths = { dev: 'directory', f: 'file', 'etc/hosts': 'file', m: 'absent', 'm/n': 'absent' } as const;
    const source = wholeMount('/r', disk);
    const facts = hostFacts({ sources: { '/r': { ...source, paths } } });
    const options = {
      root: '/r',
      slaves: { '/': true },
      shareSources: true,
      makeMountPoints: true,
      dev: '/dev',
      into: { at: '/d' },
      makeDestinationPrivate: true,
    } as const;
    await expect(asFile(listing(tree, options, facts))).toMatchFileSnapshot(golden('attached'));
  });

  test('of an LXC container', async () => {
    const tree = parseMountinfo(readFileSync(new URL('../../tables/lxc-vivid.mountinfo', import.meta.url)));
    const windows = {
      '/sys/fs/fuse/connections': 'fusectl',
      '/sys/kernel/debug': 'debugfs',
      '/sys/kernel/security': 'securityfs',
      '/sys/fs/pstore': 'pstore',
    };
    const sources = Object.fromEntries(
      Object.entries(windows).map(([path, type]) => [
        path,
        wholeMount(path, { type, propagation: { shared: 3 } }),
      ]),
    );
    const rootfs = onDisk('/lxc/u1', {
      dev: 'directory',
      proc: 'directory',
      sys: 'directory',
      run: 'directory',
    });
    const facts = hostFacts({
      sources: { ...sources, '/lxc/u1': rootfs, '/run/cgmanager': wholeMount('/run', { type: 'tmpfs' }) },
      filesystems: {
        proc: { paths: { '/sys': 'directory', '/sys/net': 'directory', '/sysrq-trigger': 'absent' } },
      },
    });
    const options = {
      root: '/lxc/u1',
      external: { '/sys/fs/cgroup/cgmanager': '/run/cgmanager' },
      slaves: { '/': true, ...Object.fromEntries(Object.keys(windows).map((path) => [path, path])) },
      skip: ['/proc/sysrq-trigger'],
    } as const;
    await expect(asFile(listing(tree, options, facts))).toMatchFileSnapshot(golden('lxc-vivid'));
  });
});

describe('slots', () => {
  test('are filled once, before they are used, and closed after their last use, for any tree', () => {
    fc.assert(
      fc.property(mountTrees, fc.boolean(), (tree, attached) => {
        const options = { ignoreHostPropagation: true, ...(attached ? { into: { at: '/d' } } : {}) };
        const use = slotUse(compile(tree, options));
        expect(use.faults).toEqual([]);
        expect(use.leftOpen).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  const wide = (
    rest: (id: number) => Parameters<typeof mount>[3],
    at = (id: number) => `/${id}`,
    root = ROOT,
  ) =>
    new MountTree([
      root,
      ...Array.from({ length: 10_000 }, (_, i) => mount(i + 2, 1, at(i + 2), rest(i + 2))),
    ]);
  const hostRoot = mount(1, 0, '/', disk);
  const onHost = hostFacts({ sources: { '/r': onDisk('/r') } });
  const absent = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, i) => [`m/${i + 2}`, 'absent' as const] as const),
  );
  const missing = hostFacts({ sources: { '/r': onDisk('/r', { m: 'directory', ...absent }) } });
  const shared = (id: number) => ({ device: '0:9', propagation: { shared: id } });

  test.each([
    ['filesystems', wide(() => ({})), {}, hostFacts(), 4],
    ['clones of one filesystem', wide(() => ({ device: '0:9' })), {}, hostFacts(), 4],
    ['members of one peer group', wide(() => shared(5)), {}, hostFacts(), 5],
    ['peer groups', wide(shared), {}, hostFacts(), 6],
    ['mounts on a host directory', wide(() => ({}), undefined, hostRoot), { root: '/r' }, onHost, 5],
    [
      'mount points made in a host directory',
      wide(
        () => ({}),
        (id) => `/m/${id}`,
        hostRoot,
      ),
      { root: '/r', makeMountPoints: true },
      missing,
      7,
    ],
  ] as const)('are few at a time for 10,000 %s', (_, tree, options, facts, most) => {
    const use = slotUse(compile(tree, options, facts));
    expect(use.faults).toEqual([]);
    expect(use.leftOpen).toEqual([]);
    expect(use.mostOpen).toBeLessThanOrEqual(most);
  });

  test('are open from the start for filesystems whose source is too long for fsconfig', () => {
    const { faults, mostOpen } = slotUse(compile(wide((id) => ({ source: `${id}${'x'.repeat(300)}` }))));
    expect(faults).toEqual([]);
    expect(mostOpen).toBeGreaterThan(9_999);
  });

  test('are few however deep the tree, in groups or not: a mount waits only for what is mounted on it directly', () => {
    const deep = (propagation: (id: number) => object) =>
      new MountTree([
        ROOT,
        ...Array.from({ length: 2_000 }, (_, i) =>
          mount(i + 2, i + 1, '/m', { propagation: propagation(i + 2) }),
        ),
      ]);
    expect(slotUse(compile(deep(() => ({})))).mostOpen).toBeLessThanOrEqual(5);
    const { faults, leftOpen, mostOpen } = slotUse(compile(deep((id) => ({ shared: id }))));
    expect([faults, leftOpen]).toEqual([[], []]);
    expect(mostOpen).toBeLessThanOrEqual(8);
  });
});

describe('each op', () => {
  test('belongs to its step, and those of no step come first', () => {
    const plan = planRestore(treeOf(mount(1, 0, '/', { source: 'x'.repeat(300) })), {}, hostFacts());
    const { stepOfOp, bytes } = compileRestore(plan);
    const { main } = opCounts(bytes);
    const kinds = [...stepOfOp].slice(0, main).map((step) => plan.steps[step]?.kind ?? '');
    expect(kinds).toEqual([
      ...Array(10).fill(''),
      ...Array(8).fill('become-root'),
      ...Array(3).fill('drop-old-root'),
    ]);
  });

  test('is told with imports and exports by what they hold', () => {
    const { imports, exports } = compile(
      treeOf(ROOT, mount(2, 1, '/a', { ...disk, propagation: { master: 7 } })),
      { slaves: { '/a': '/srv' }, shareSources: true },
      hostFacts({ sources: { '/srv': wholeMount('/srv', disk) } }),
    );
    expect(imports).toEqual([
      { kind: 'source', path: '/srv', of: 'path' },
      { kind: 'source', path: '/srv', of: 'mount' },
      { kind: 'proc' },
    ]);
    expect(exports).toEqual(['namespace', 'mountinfo', 'root'].map((name) => ({ name, tree: 0 })));
    expect(compile(treeOf(ROOT), { into: { at: '/d' } })).toMatchObject({
      imports: [{ kind: 'destination', path: '/d' }],
      exports: [{ name: 'root', tree: 0 }],
    });
  });
});
