import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { MountTree } from '../../lib/model/tree.ts';
import * as sys from '../../lib/sys.ts';
import { namespaceId } from '../../lib/system/capture/table.ts';
import { probe } from '../../lib/system/inspect/probe.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import type { RestoredTree } from '../../lib/system/restore/restored.ts';
import { verifyTree } from '../../lib/system/restore/verify.ts';
import { commandFiles, install, outcomeOf } from '../support/commands.ts';
import { inside } from '../support/inside.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { refusalsOf } from '../support/refusal.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';

const canMake = probe().privileges.userNamespace === true;
const SELF = { userNamespace: 'self' } as const;

const TREE = parseMountinfo(
  [
    '1 0 0:1 / / rw,relatime - tmpfs root rw,mode=755',
    '2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw,size=64k',
    '3 1 0:2 / /b rw,nosuid,nodev,relatime shared:1 - tmpfs disk rw,size=64k',
    '4 1 0:2 /sub /c ro,relatime shared:2 master:1 - tmpfs disk rw,size=64k',
    '5 1 0:3 / /ram rw,relatime unbindable - ramfs ram rw',
    '6 1 0:4 / /pts rw,nosuid,noexec,relatime - devpts devpts rw,mode=600,ptmxmode=000',
    '7 1 0:2 /gone//deleted /d rw,relatime - tmpfs disk rw,size=64k',
    '',
  ].join('\n'),
);

describe.skipIf(!canMake)('a tree in a user namespace of its own', () => {
  expectNoLeakedFds();

  test.each(['restoreTree', 'restoreTreeSync'] as const)('is the same: %s', async (how) => {
    const before = mountTable();
    {
      using restored = how === 'restoreTree' ? await restoreTree(TREE, SELF) : restoreTreeSync(TREE, SELF);
      expect(restored.differences).toEqual([]);
      expect(restored.tree.size).toBe(TREE.size);
    }
    expect(mountTable()).toBe(before);
  });

  test('can be read again from outside', () => {
    using restored = restoreTreeSync(TREE, SELF);
    const again = namespaceOf(restored).capture();
    expect(again.size).toBe(TREE.size);
    expect(verifyTree(restored.tree, again)).toEqual([]);
  });

  test.each([
    ['proc', 'pid'],
    ['sysfs', 'net'],
    ['mqueue', 'ipc'],
    ['cgroup2', 'cgroup'],
  ])('%s is refused, because it takes a new %s namespace', async (type, namespace) => {
    const tree = parseMountinfo(
      `1 0 0:1 / / rw - tmpfs root rw\n2 1 0:2 / /x rw,nosuid,nodev,noexec,relatime - ${type} ${type} rw\n`,
    );
    const before = mountTable();
    const [refused, ...others] = await refusalsOf(tree, SELF);
    expect(others).toEqual([]);
    expect(refused).toMatchObject({ kind: 'filesystem', mounts: [{ mountPoint: '/x' }] });
    expect(refused?.reason).toContain(`a new ${namespace} namespace`);
    expect(refused?.cures.map(({ option }) => option)).toEqual(expect.arrayContaining(['standIn', 'skip']));
    expect(mountTable()).toBe(before);
  });

  test('a stand-in takes the place of what it may not mount', () => {
    const tree = parseMountinfo(
      '1 0 0:1 / / rw - tmpfs root rw\n2 1 0:2 / /proc rw - proc proc rw\n3 2 0:2 /sys /proc/sys ro - proc proc rw\n',
    );
    using restored = restoreTreeSync(tree, { ...SELF, standIn: 'all' });
    expect(restored.differences).toEqual([]);
    expect(restored.report.standIns.map(({ mount }) => mount.mountPoint)).toEqual(['/proc', '/proc/sys']);
  });
});

describe.skipIf(!isMachineRoot || !canMake)('in a user namespace that root made', () => {
  test('a command runs with uid 0 inside', async () => {
    using restored = restoreTreeSync(TREE, SELF);
    const files = commandFiles('/bin/sh', '/usr/bin/id');
    inside(namespaceOf(restored), () => install('/', files));
    const child = namespaceOf(restored).spawn('/bin/sh', ['-c', '/usr/bin/id -u; /usr/bin/id -g; exit 5']);
    expect(await outcomeOf(child)).toEqual({ status: 5, out: '0\n0\n' });
  });

  test('maps of the caller’s choice are taken', async () => {
    const maps = { uidMap: ['0 0 1', '1 100001 65535'], gidMap: ['0 0 1', '1 200001 65535'] };
    using restored = restoreTreeSync(TREE, { userNamespace: maps });
    expect(restored.differences).toEqual([]);
    const files = commandFiles('/bin/sh', '/usr/bin/id');
    inside(namespaceOf(restored), () => install('/', files));
    const child = namespaceOf(restored).spawn('/usr/bin/id', ['-u'], { uid: 7, gid: 7, env: {} });
    expect(await outcomeOf(child)).toEqual({ status: 0, out: '7\n' });
  });

  test('owners are those inside: in options and of nodes, and again when they are captured', () => {
    const maps = {
      uidMap: ['0 100000 10', '1000 200000 10'],
      gidMap: ['0 300000 10', '1000 400000 10'],
    };
    const owned = (kind: 'directory' | 'file', uid: number, gid: number) =>
      ({ kind, mode: 0o700, uid, gid }) as const;
    const tree = parseMountinfo(
      [
        '1 0 0:1 / / rw,relatime - tmpfs root rw,mode=755',
        '2 1 0:2 / /a rw,relatime - tmpfs disk rw,uid=1000,gid=3',
        '3 1 0:2 /sub /b rw,relatime - tmpfs disk rw,uid=1000,gid=3',
        '4 1 0:3 / /pts rw,relatime - devpts devpts rw,gid=5,mode=620,ptmxmode=000',
        '',
      ].join('\n'),
    ).map((mount) => ({
      ...mount,
      ...(mount.id === 3 && {
        rootNode: owned('directory', 1001, 4),
        placeNode: owned('directory', 2, 1009),
      }),
    }));
    using restored = restoreTreeSync(tree, { userNamespace: maps });
    expect(restored.differences).toEqual([]);
    const again = namespaceOf(restored).capture();
    expect(verifyTree(restored.target, again)).toEqual([]);
    for (const read of [restored.tree, again]) {
      expect(read.at('/a')?.superOptions).toBe('rw,uid=1000,gid=3');
      expect(read.at('/a')?.rootNode).toBeUndefined(); // as the options say
      expect(read.at('/b')?.rootNode).toEqual(owned('directory', 1001, 4));
    }
    expect(again.at('/b')?.placeNode).toEqual(owned('directory', 2, 1009));
  });

  test('an owner that is not mapped there is refused, with the map that it takes', async () => {
    const tree = parseMountinfo(
      '1 0 0:1 / / rw - tmpfs root rw\n2 1 0:2 / /a rw,relatime - tmpfs disk rw,uid=1000,gid=5\n',
    );
    const maps = { uidMap: ['0 100000 10'], gidMap: ['0 100000 10'] };
    const [refused, ...others] = await refusalsOf(tree, { userNamespace: maps });
    expect(others).toEqual([]);
    expect(refused?.reason).toBe(
      'mount 2 at /a is a tmpfs that belongs to uid 1000, which is not mapped in the user namespace',
    );
    expect(refused?.cures.map(({ cli }) => cli)).toEqual([
      '--userns-map …,u:1000:OUTSIDE:1',
      '--external /a=SOURCE',
      '--stand-in /a',
      '--skip /a',
    ]);
    using standIn = restoreTreeSync(tree, { userNamespace: maps, standIn: ['/a'] });
    expect(standIn.differences).toEqual([]);
    const more = { ...maps, uidMap: [...maps.uidMap, '1000 50000 1'] };
    using mapped = restoreTreeSync(tree, { userNamespace: more });
    expect(mapped.differences).toEqual([]);
  });

  test('a pinned copy belongs to that user namespace, and is the same', async () => {
    const bindable = new MountTree(TREE.mounts.filter((mount) => !mount.propagation.unbindable));
    using restored = restoreTreeSync(bindable, SELF);
    const namespace = namespaceOf(restored);
    using place = new ScratchMount();
    const path = join(place.tmpfs('pins'), 'pin');
    using own = MountNamespace.current();
    sys.unshare(['FS']);
    try {
      // Until the caller's namespace is the younger one, which cannot pin the other itself.
      while (idOfCurrent() < (namespaceId(namespace.fd) ?? 0n)) {
        for (let made = 0; made < 100; made += 1) sys.unshare(['NEWNS']);
      }
      sys.makePrivate('/', { recursive: true });
      expect(await namespace.pin(path)).toEqual({ path, copied: true });
    } finally {
      sys.unshare(['FS']); // the thread that pinned started with this one's root, and may not have ended yet
      sys.setns(own.fd, ['NEWNS']);
    }
    expect(verifyTree(restored.tree, namespace.capture())).toEqual([]);
    expect(await outcomeOf(namespace.spawn('/bin/sh'))).toMatchObject({ status: 127 });
  });

  test('a command that has nothing to run from is not found', async () => {
    using restored = restoreTreeSync(TREE, SELF);
    expect(await outcomeOf(namespaceOf(restored).spawn('/bin/sh'))).toMatchObject({ status: 127 });
  });
});

function idOfCurrent(): bigint {
  using current = MountNamespace.current();
  return namespaceId(current.fd) ?? 0n;
}

function namespaceOf({ namespace }: RestoredTree) {
  if (!namespace) throw new Error('no namespace was made');
  return namespace;
}
