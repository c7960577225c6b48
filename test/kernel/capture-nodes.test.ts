import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  captureTree,
  formatSnapshot,
  inspectHost,
  type Mount,
  MountNamespace,
  type MountTree,
  parseSnapshot,
  requirements,
  restoreTree,
} from '../../lib/index.ts';
import * as sys from '../../lib/sys.ts';
import { inside } from '../support/inside.ts';
import { bindNode, makeNode, S_IFCHR, S_IFIFO, S_IFSOCK } from '../support/nodes.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

describe.skipIf(!isMachineRoot)('what a tree needs to exist, as root', () => {
  expectNoLeakedFds();
  let scratch: ScratchMount;
  beforeAll(() => {
    scratch = new ScratchMount();
  });
  afterAll(() => scratch[Symbol.dispose]());

  /** A tree of its own below a directory of the scratch mount, built in another namespace. */
  function captured(name: string, build: (base: string) => void): MountTree {
    const base = scratch.directory(name);
    using namespace = MountNamespace.create();
    inside(namespace, () => {
      sys.mount(name, base, { type: 'tmpfs' });
      build(base);
    });
    const tree = namespace.capture();
    return tree.subtree(tree.at(base) as Mount);
  }

  const ROOTS: {
    readonly [path: string]: { readonly mode: number; readonly uid?: number; readonly target?: string };
  } = {
    '/': { mode: 0o40750 },
    '/private': { mode: 0o40700, uid: 1000 },
    '/sticky': { mode: 0o41777 },
    '/inherits': { mode: 0o42755, uid: 1000 },
    '/under/inherits': { mode: 0o40755 },
    '/socket': { mode: S_IFSOCK | 0o666 },
    '/fifo': { mode: S_IFIFO | 0o620, uid: 7 },
    '/null': { mode: S_IFCHR | 0o666 },
    '/link': { mode: 0o120777, target: '../where/ever' },
    '/program': { mode: 0o100751, uid: 1000 },
  };

  test('comes back with its kinds, modes and owners', async () => {
    const tree = captured('nodes', (base) => {
      const at = (path: string) => join(base, path);
      chmodSync(base, 0o750);
      mkdirSync(at('from'));
      const pairs: [string, () => void][] = [
        ['private', () => mkdirSync(at('from/private'))],
        ['sticky', () => mkdirSync(at('from/sticky'))],
        ['inherits', () => mkdirSync(at('from/inherits'))],
        ['socket', () => makeNode(at('from/socket'), S_IFSOCK)],
        ['fifo', () => makeNode(at('from/fifo'), S_IFIFO)],
        ['null', () => makeNode(at('from/null'), S_IFCHR, 0x103n)],
        ['link', () => symlinkSync('../where/ever', at('from/link'))],
        ['program', () => writeFileSync(at('from/program'), '')],
      ];
      for (const [name, make] of pairs) {
        make();
        const wanted = ROOTS[`/${name}`];
        if (name !== 'link') {
          chownSync(at(`from/${name}`), wanted?.uid ?? 0, 0);
          chmodSync(at(`from/${name}`), (wanted?.mode ?? 0) & 0o7777);
        }
      }
      mkdirSync(at('from/inherits/below'));
      chmodSync(at('from/inherits/below'), 0o755);
      mkdirSync(at('under'), { mode: 0o755 });
      for (const name of ['private', 'sticky', 'inherits', 'under/inherits']) mkdirSync(at(name));
      for (const name of ['socket', 'fifo', 'null', 'program']) writeFileSync(at(name), '');
      symlinkSync('/covered', at('link'));
      for (const [name] of pairs) bindNode(at(`from/${name}`), at(name));
      bindNode(at('from/inherits/below'), at('under/inherits'));
    });
    expect(tree.problems).toEqual([]);
    expect(tree.at('/link')).toMatchObject({
      kind: 'file',
      rootNode: { kind: 'symlink' },
      placeNode: { target: '/covered' },
    });
    expect(tree.at('/null')?.rootNode).toMatchObject({ kind: 'character', device: '1:3' });

    const [again] = parseSnapshot(formatSnapshot({ namespaces: [tree] })).namespaces;
    expect(again?.mounts).toEqual(tree.mounts);
    await using restored = await restoreTree(again as MountTree);
    expect(restored.differences).toEqual([]);
    const seen = inside(restored.namespace as MountNamespace, () =>
      Object.fromEntries(
        Object.keys(ROOTS).map((path) => {
          const { mode, uid } = lstatSync(path);
          const isLink = (mode & 0o170000) === 0o120000;
          return [
            path,
            { mode, ...(uid === 0 ? {} : { uid }), ...(isLink ? { target: readlinkSync(path) } : {}) },
          ];
        }),
      ),
    );
    expect(seen).toEqual(ROOTS);
    const back = restored.namespace
      ?.capture()
      .mounts.map(({ rootNode, placeNode }) => ({ rootNode, placeNode }));
    const before = [...tree.walk()].map(({ rootNode, placeNode }) => ({ rootNode, placeNode }));
    expect(back).toHaveLength(before.length);
    expect(new Set(back?.map((nodes) => JSON.stringify(nodes)))).toEqual(
      new Set(before.map((nodes) => JSON.stringify(nodes))),
    );
  });

  test.each(['detached', 'yard'] as const)(
    'are the directories on the way, by the %s engine',
    async (engine) => {
      const ways: { readonly [path: string]: readonly [number, number] } = {
        var: [0o711, 5],
        'var/lib': [0o2750, 0],
        'run/user': [0o1777, 6],
        'hidden/under': [0o700, 9],
      };
      const tree = captured('ways', (base) => {
        const at = (path: string) => join(base, path);
        for (const path of ['var/lib/x', 'run/user/5/sub', 'hidden/under/it'])
          mkdirSync(at(path), { recursive: true });
        mkdirSync(at('bound'));
        for (const [path, [mode, owner]] of Object.entries(ways)) {
          chownSync(at(path), owner, owner);
          chmodSync(at(path), mode);
        }
        sys.mount('x', at('var/lib/x'), { type: 'tmpfs' });
        sys.bind(at('run/user/5/sub'), at('bound'));
        sys.bind(at('hidden/under/it'), at('hidden/under/it'));
        sys.mount('cover', at('hidden'), { type: 'tmpfs' });
      });
      const told = tree.root?.directories?.map(({ path, mode, uid }) => [path.slice(1), [mode, uid]]) ?? [];
      expect(Object.fromEntries(told)).toEqual(ways);
      const [again] = parseSnapshot(formatSnapshot({ namespaces: [tree] })).namespaces;
      expect(again?.mounts).toEqual(tree.mounts);
      await using restored = await restoreTree(again as MountTree, { engine });
      expect(restored.differences).toEqual([]);
      const captures = restored.namespace?.capture().root?.directories;
      expect(new Set(captures)).toEqual(new Set(tree.root?.directories));
    },
  );

  test('are read back in a user namespace with the owners that they have inside', async () => {
    const tree = captured('user', (base) => {
      const at = (path: string) => join(base, path);
      mkdirSync(at('way/to/it'), { recursive: true });
      for (const [path, owner] of [
        ['way', 7],
        ['way/to', 0],
        ['way/to/it', 8],
      ] as const) {
        chownSync(at(path), owner, owner);
        chmodSync(at(path), 0o711);
      }
      sys.mount('x', at('way/to/it'), { type: 'tmpfs' });
    });
    const ids = ['0 100000 1000'];
    await using restored = await restoreTree(tree, { userNamespace: { uidMap: ids, gidMap: ids } });
    expect(restored.differences).toEqual([]);
    const again = restored.namespace?.capture() as MountTree;
    expect(new Set(again.root?.directories)).toEqual(new Set(tree.root?.directories));
    expect(again.at('/way/to/it')?.placeNode).toEqual(tree.at('/way/to/it')?.placeNode);
    expect(tree.at('/way/to/it')?.placeNode).toMatchObject({ mode: 0o711, uid: 8 });
  });

  test('is seen in the caller’s own namespace, too', () => {
    const base = scratch.directory('own');
    mkdirSync(join(base, 'way/place'), { recursive: true });
    chmodSync(join(base, 'way'), 0o700);
    chmodSync(join(base, 'way/place'), 0o711);
    sys.mount('on it', join(base, 'way/place'), { type: 'tmpfs' });
    const tree = captureTree();
    expect(tree.at(join(base, 'way/place'))?.placeNode).toMatchObject({ mode: 0o711 });
    expect(tree.at(scratch.path)?.directories).toContainEqual({
      path: '/own/way',
      mode: 0o700,
      uid: 0,
      gid: 0,
    });
  });

  test('is the place under a mount, seen without lifting the mount', () => {
    const tree = captured('places', (base) => {
      const place = join(base, 'place');
      mkdirSync(place);
      chmodSync(place, 0o1711);
      chownSync(place, 5, 6);
      sys.mount('on it', place, { type: 'tmpfs' });
      makeNode(join(base, 'pipe'), S_IFIFO | 0o600);
      writeFileSync(join(base, 'file'), '');
      chmodSync(join(base, 'file'), 0o644);
      sys.bind(join(base, 'file'), join(base, 'pipe'));
    });
    expect(tree.at('/place')?.placeNode).toEqual({ kind: 'directory', mode: 0o1711, uid: 5, gid: 6 });
    expect(tree.at('/pipe')).toMatchObject({ kind: 'file', placeNode: { kind: 'fifo', mode: 0o600 } });
    expect(tree.at('/pipe')?.rootNode).toBeUndefined(); // an ordinary file
  });

  test('tells of a mount that is hidden itself whether it is a file', async () => {
    const tree = captured('hidden', (base) => {
      mkdirSync(join(base, 'a'));
      writeFileSync(join(base, 'a/file'), '');
      sys.bind(join(base, 'a/file'), join(base, 'a/file'));
      sys.bind(join(base, 'a'), join(base, 'a'));
    });
    const kinds = ({ mounts }: MountTree) => mounts.map(({ mountPoint, kind }) => `${mountPoint} ${kind}`);
    expect(kinds(tree)).toEqual(['/ directory', '/a/file file', '/a directory']);
    await using restored = await restoreTree(tree);
    expect(kinds(restored.namespace?.capture() as MountTree).sort()).toEqual(kinds(tree).sort());
  });

  test('is its own, where a deleted one of the same name was another', async () => {
    const tree = captured('again', (base) => {
      const at = (name: string) => join(base, name);
      for (const name of ['old', 'place', 'other']) writeFileSync(at(name), '');
      chmodSync(at('old'), 0o600);
      sys.bind(at('old'), at('place'));
      unlinkSync(at('old'));
      writeFileSync(at('old'), '');
      chmodSync(at('old'), 0o644);
      sys.bind(at('other'), at('old'));
    });
    expect(tree.at('/place')).toMatchObject({ root: '/old', deleted: true, rootNode: { mode: 0o600 } });
    expect(tree.at('/old')?.placeNode).toBeUndefined(); // an ordinary file
    await using restored = await restoreTree(tree);
    const again = restored.namespace?.capture() as MountTree;
    expect(again.at('/old')?.placeNode).toBeUndefined();
    expect(again.at('/place')?.rootNode).toMatchObject({ mode: 0o600 });
  });

  test('comes back without setuid and setgid, and the report says so', async () => {
    const tree = captured('setuid', (base) => {
      writeFileSync(join(base, 'program'), '');
      chmodSync(join(base, 'program'), 0o6755);
      bindNode(join(base, 'program'), join(base, 'program'));
    });
    expect(tree.at('/program')?.rootNode?.mode).toBe(0o6755);
    await using restored = await restoreTree(tree);
    const mode = inside(restored.namespace as MountNamespace, () => lstatSync('/program').mode);
    expect(mode).toBe(0o100755);
    expect(restored.report.changedNodes.map(({ because }) => because)).toEqual([
      expect.stringContaining('/program is not made setuid or setgid again'),
    ]);
  });

  test('is refused when it is a device that no container has', () => {
    const tree = captured('device', (base) => {
      makeNode(join(base, 'memory'), S_IFCHR | 0o600, 0x101n);
      bindNode(join(base, 'memory'), join(base, 'memory'));
    });
    const unmet = (options = {}) => requirements(tree, options, inspectHost(tree, options));
    expect(unmet()).toMatchObject([
      { kind: 'device-nodes', cures: [{ option: 'external' }, { option: 'standIn' }, { option: 'skip' }] },
    ]);
    expect(unmet({ skip: ['/memory'] })).toEqual([]);
  });

  test('is a live socket too, of which the file alone comes back', async () => {
    const path = scratch.at('live.socket');
    await using server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const target = scratch.file('on');
    sys.bind(path, target);
    expect(captureTree().at(target)?.rootNode?.kind).toBe('socket');
    sys.umount(target);
  });
});
