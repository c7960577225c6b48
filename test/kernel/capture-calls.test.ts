import { mkdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  captureTree,
  type Mount,
  MountNamespace,
  type MountTree,
  parseMountinfo,
  restoreTree,
  verifyTree,
} from '../../lib/index.ts';
import * as sys from '../../lib/sys.ts';
import { native } from '../../lib/system/calls/native.ts';
import { readMount } from '../../lib/system/capture/statmount-mount.ts';
import { namespaceId } from '../../lib/system/capture/table.ts';
import { idmapNamespace } from '../../lib/system/namespaces/userns.ts';
import { FuseMount, hasFuse } from '../support/fuse.ts';
import { inside } from '../support/inside.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot, isRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

const IDMAP = {
  uid: [{ inside: 0, outside: 1000, length: 10 }],
  gid: [{ inside: 0, outside: 2000, length: 10 }],
};

/** Every mount of a namespace, by statmount(2) alone. */
function readByCalls(namespace: MountNamespace): Mount[] {
  const id = namespaceId(namespace.fd) as bigint;
  const ids = native.sys.listmount(-1n, id, 0) as BigUint64Array;
  return Array.from(ids, (mount) => readMount(mount, id) as Mount);
}

/** Without what is read from the roots themselves. */
const tableOf = (tree: MountTree) =>
  tree.mounts.map((mount) => {
    const { rootNode: _root, rootInode: _inode, placeNode: _place, directories: _ways, ...read } = mount;
    return { ...read, kind: 'unknown' };
  });

test('the id of a mount namespace is told for its file alone', () => {
  using own = MountNamespace.current();
  expect(namespaceId(own.fd)).toBeGreaterThan(0n);
  using user = sys.openat2('/proc/self/ns/user');
  expect(namespaceId(user)).toBeUndefined();
});

describe.skipIf(!isMachineRoot)('a namespace read by calls, as root', () => {
  expectNoLeakedFds();
  let scratch: ScratchMount;
  beforeAll(() => {
    scratch = new ScratchMount();
  });
  afterAll(() => scratch[Symbol.dispose]());

  /** Stacks, slaves, peers, idmaps, deleted roots, mounts beneath, odd names and options. */
  function mountAll(): void {
    const base = scratch.tmpfs('all', 'mode=1777,size=1m');
    const at = (name: string) => {
      mkdirSync(join(base, name));
      return join(base, name);
    };
    const stack = at('stack');
    for (const source of ['one', 'two', 'three']) sys.mount(source, stack, { type: 'tmpfs' });
    const shared = at('shared');
    sys.mount('shared', shared, { type: 'tmpfs' });
    sys.makeShared(shared);
    const slave = at('slave');
    sys.bind(shared, slave);
    sys.makeSlave(slave);
    sys.makeShared(slave);
    const slaveOfSlave = at('slave of slave');
    sys.bind(slave, slaveOfSlave);
    sys.makeSlave(slaveOfSlave);
    sys.bind(shared, at('peer'));
    const unbindable = at('unbindable');
    sys.mount('', unbindable, { type: 'tmpfs' });
    sys.makeUnbindable(unbindable);
    const beneath = at('beneath');
    sys.mount('above', beneath, { type: 'tmpfs' });
    using context = sys.fsopen('tmpfs');
    sys.fsconfigString(context, 'source', 'below #1\\');
    sys.fsconfigCreate(context);
    using below = sys.fsmount(context);
    sys.moveMount(below, beneath, ['BENEATH']);
    sys.bind(at('gone directory'), at('on gone directory'));
    rmdirSync(join(base, 'gone directory'));
    sys.bind(scratch.file('gone file'), scratch.file('on gone file'));
    unlinkSync(scratch.at('gone file'));
    for (const name of ['space and\ttab', 'line\nfeed', 'back\\slash', 'ünïcode'])
      sys.mount(name, at(name), { type: 'tmpfs' });
    const odd = Buffer.concat([Buffer.from(`${base}/byte`), Buffer.of(0xff)]);
    mkdirSync(odd);
    sys.mount('b\udcffs', `${base}/byte\udcff`, { type: 'tmpfs' });
    const attributes = at('attributes');
    sys.mount('a', attributes, { type: 'tmpfs', options: 'size=8k,nr_inodes=9,mode=700,uid=5' });
    sys.mountSetattr(attributes, {
      set: ['RDONLY', 'NOSUID', 'NODEV', 'NOEXEC', 'NODIRATIME', 'NOSYMFOLLOW'],
    });
    const strict = at('strict');
    sys.mount('s', strict, { type: 'tmpfs', flags: ['STRICTATIME', 'SYNCHRONOUS', 'DIRSYNC', 'LAZYTIME'] });
    const readOnly = at('read-only');
    sys.mount('r', readOnly, { type: 'tmpfs', flags: ['RDONLY', 'NOATIME'] });
    const idmapped = at('idmapped');
    using userNamespace = idmapNamespace(IDMAP, 1);
    using clone = sys.openTree(base, ['CLONE']);
    sys.mountSetattr(clone, { set: ['IDMAP'], userNamespace });
    sys.moveMount(clone, idmapped);
  }

  test('agrees with its mountinfo field by field', () => {
    using namespace = MountNamespace.create();
    inside(namespace, mountAll);
    const tree = namespace.capture();
    expect(readByCalls(namespace)).toEqual(tableOf(tree));
    expect(tree.problems).toEqual([]);
    expect(tree.mounts.filter(({ deleted }) => deleted)).toHaveLength(2);
    expect(tree.at(scratch.at('all/idmapped'))?.idmap).toEqual(IDMAP);
    expect(tree.at(scratch.at('all/strict'))?.superOptions).toMatch(/^rw,sync,dirsync,lazytime/);
    expect(tree.mounts.filter(({ propagation }) => propagation.master !== undefined)).toHaveLength(2);
  });

  test.skipIf(!hasFuse)('has the subtype apart from the type', () => {
    const place = scratch.directory('fuse');
    using namespace = MountNamespace.create();
    using _fuse = new FuseMount('server', place, 'sub.type', (mount) => inside(namespace, mount));
    const mounts = readByCalls(namespace);
    expect(mounts).toEqual(tableOf(namespace.capture()));
    expect(mounts.at(-1)).toMatchObject({ type: 'fuse', subtype: 'sub.type' });
  });

  test('a group that dominates from afar is told by both', () => {
    using namespace = MountNamespace.create();
    inside(namespace, () => {
      const first = scratch.tmpfs('dominant');
      sys.makeShared(first);
      // The group in the middle is seen by nobody who is chrooted below.
      sys.bind(first, scratch.directory('middle'));
      sys.makeSlave(scratch.at('middle'));
      sys.makeShared(scratch.at('middle'));
      sys.bind(scratch.at('middle'), scratch.directory('last'));
      sys.makeSlave(scratch.at('last'));
      sys.umount(scratch.at('middle'));
    });
    expect(readByCalls(namespace)).toEqual(tableOf(namespace.capture()));
  });
});

describe.skipIf(!isRoot)('mounts under a covered root, as root', () => {
  expectNoLeakedFds();

  /** A new namespace with something below a cover of its root, and a process that entered it. */
  async function coveredNamespace(
    script: string,
  ): Promise<{ namespace: MountNamespace; pid: number; end(): Promise<unknown> }> {
    const namespace = MountNamespace.create();
    const child = namespace.spawn('sh', [
      '-c',
      `mount -t tmpfs low /mnt && ${script} && echo ready && exec sleep 60`,
    ]);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    const end = () => {
      const closed = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGKILL');
      return closed;
    };
    return { namespace, pid: child.pid as number, end };
  }

  test('are read from the namespace and from a process, which both see the cover alone', async () => {
    const { namespace, pid, end } = await coveredNamespace('mount -t tmpfs cover /');
    using _held = namespace;
    try {
      for (const tree of [namespace.capture(), captureTree({ pid })]) {
        expect(tree.problems).toEqual([]);
        const root = tree.root as Mount;
        expect(tree.childrenOf(root).find(({ mountPoint }) => mountPoint === '/')?.source).toBe('cover');
        expect(tree.mounts.find(({ source }) => source === 'low')?.mountPoint).toBe('/mnt');
        expect(tree.at('/')?.source).toBe('cover');
      }
    } finally {
      await end();
    }
  });

  test.each(['detached', 'yard'] as const)(
    'are read from a namespace that the %s engine made',
    async (engine) => {
      const text = ['1 0 0:1 / / rw,relatime - tmpfs low rw', '2 1 0:2 / / rw,relatime - tmpfs cover rw'];
      const tree = parseMountinfo(`${text.join('\n')}\n3 1 0:3 / /in rw,relatime - tmpfs hidden rw\n`);
      await using restored = await restoreTree(tree, { engine });
      const captured = restored.namespace?.capture() as MountTree;
      expect(verifyTree(restored.target, captured)).toEqual([]);
      expect(captured.mounts.every(({ uniqueId }) => uniqueId !== undefined)).toBe(true);
    },
  );

  test.skipIf(!isMachineRoot)('of a task chrooted into a part are none of its view', async () => {
    const { namespace, end } = await coveredNamespace('true');
    using _held = namespace;
    const jail = namespace.spawn('sh', [
      '-c',
      'mount --bind / /mnt && mount --rbind /proc /mnt/proc; exec chroot /mnt sh -c "echo ready; exec sleep 60"',
    ]);
    try {
      await new Promise((resolve) => jail.stdout?.once('data', resolve));
      const tree = captureTree({ pid: jail.pid as number });
      expect(tree.root?.mountPoint).toBe('/');
      expect(tree.mounts.some(({ source }) => source === 'low')).toBe(false);
      expect(tree.size).toBeLessThan(namespace.capture().size);
    } finally {
      jail.kill('SIGKILL');
      await new Promise((resolve) => jail.once('close', resolve));
      await end();
    }
  });
});

describe.skipIf(!isMachineRoot)('a restored idmapped mount, as root', () => {
  expectNoLeakedFds();

  function idmappedTree(): MountTree {
    using scratch = new ScratchMount();
    using namespace = MountNamespace.create();
    const tree = inside(namespace, () => {
      const base = scratch.tmpfs('base');
      mkdirSync(join(base, 'mapped'));
      using userNamespace = idmapNamespace(IDMAP, 1);
      using clone = sys.openTree(base, ['CLONE']);
      sys.mountSetattr(clone, { set: ['IDMAP'], userNamespace });
      sys.moveMount(clone, join(base, 'mapped'));
      return captureTree();
    });
    return tree.subtree(tree.at(scratch.at('base')) as Mount);
  }

  test('has the map that it had', async () => {
    const captured = idmappedTree();
    await using restored = await restoreTree(captured);
    expect(restored.differences).toEqual([]);
    expect(restored.tree.at('/mapped')?.idmap).toEqual(IDMAP);
    expect(restored.namespace?.capture().at('/mapped')?.idmap).toEqual(IDMAP);
  });

  test('with another map is told from it', async () => {
    const captured = idmappedTree();
    await using restored = await restoreTree(captured);
    const other = { uid: [{ inside: 0, outside: 1000, length: 11 }], gid: IDMAP.gid };
    using userNamespace = idmapNamespace(other, 1);
    inside(restored.namespace as MountNamespace, () => {
      sys.umount('/mapped');
      using clone = sys.openTree('/', ['CLONE']);
      sys.mountSetattr(clone, { set: ['IDMAP'], userNamespace });
      sys.moveMount(clone, '/mapped');
    });
    const actual = restored.namespace?.capture() as MountTree;
    expect(verifyTree(restored.target, actual).map(({ kind }) => kind)).toEqual(['idmap']);
  });
});
