import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import * as sys from '../../lib/sys.ts';
import { probe } from '../../lib/system/inspect/probe.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { verifyTree } from '../../lib/system/restore/verify.ts';
import { inside } from '../support/inside.ts';
import { BOTH_ENGINES } from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { refusalsOf } from '../support/refusal.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';

const canMake = isMachineRoot && probe().privileges.userNamespace === true;

/** A host directory on a mount of its own, with a file and two directories in it. */
class Host extends ScratchMount {
  readonly disk = this.tmpfs('disk', 'mode=755,uid=7');

  constructor() {
    super();
    sys.makePrivate(this.disk);
    mkdirSync(join(this.disk, 'a/mnt'), { recursive: true });
    mkdirSync(join(this.disk, 'b'));
    writeFileSync(join(this.disk, 'a/file'), 'of the host');
  }
}

function tree(...lines: readonly string[]): MountTree {
  return parseMountinfo(['1 0 0:1 / / rw,relatime - tmpfs root rw,mode=755', ...lines, ''].join('\n'));
}

const A = '2 1 8:1 /x/a /a rw,relatime - ext4 /dev/vda rw';

describe.skipIf(!canMake).each(BOTH_ENGINES)('host paths in a user namespace: %s', (engine) => {
  expectNoLeakedFds();
  const options: RestoreOptions = { engine, userNamespace: 'self' };

  test.each(['restoreTree', 'restoreTreeSync'] as const)(
    'a directory, a part of it and a file: %s',
    async (how) => {
      using host = new Host();
      const wanted = tree(
        A,
        '3 1 8:1 /x/a/mnt /mnt ro,nosuid,relatime shared:1 - ext4 /dev/vda rw',
        '4 2 8:1 /x/a/file /a/file ro,relatime - ext4 /dev/vda rw',
        '5 2 0:5 / /a/mnt rw,relatime - tmpfs inner rw',
      );
      const before = mountTable();
      const all = { ...options, external: { '/a': join(host.disk, 'a') } };
      {
        using restored =
          how === 'restoreTree' ? await restoreTree(wanted, all) : restoreTreeSync(wanted, all);
        expect(restored.differences).toEqual([]);
        expect(restored.tree.at('/a')).toMatchObject({ type: 'tmpfs', source: 'disk', root: '/a' });
        const read = () => readFileSync('/a/file', 'utf8');
        expect(inside(restored.namespace as MountNamespace, read)).toBe('of the host');
      }
      expect(mountTable()).toBe(before);
    },
  );

  test('as the root, and by a path that leads through a symlink', () => {
    using host = new Host();
    symlinkSync(join(host.disk, 'a'), host.at('link'));
    const wanted = parseMountinfo(
      '1 0 8:1 /x / rw,relatime - ext4 /dev/vda rw\n2 1 0:2 / /mnt rw,relatime - tmpfs inner rw\n',
    );
    using restored = restoreTreeSync(wanted, { ...options, root: host.at('link') });
    expect(restored.differences).toEqual([]);
    expect(restored.tree.roots[0]).toMatchObject({ root: '/a', source: 'disk' });
  });

  test('a mount point is made in it, and stays', () => {
    using host = new Host();
    const wanted = tree(A, '3 2 0:3 / /a/made rw,relatime - tmpfs inner rw');
    const all = { ...options, external: { '/a': join(host.disk, 'a') }, makeMountPoints: true };
    using restored = restoreTreeSync(wanted, all);
    expect(restored.differences).toEqual([]);
  });

  test('a slave gets what is mounted on the host, and the host nothing of it', () => {
    using host = new Host();
    sys.makeShared(host.disk);
    const wanted = tree('2 1 8:1 /x /a rw,relatime master:9 - ext4 /dev/vda rw');
    using restored = restoreTreeSync(wanted, {
      ...options,
      external: { '/a': host.disk },
      slaves: { '/a': true },
    });
    expect(restored.differences).toEqual([]);
    const namespace = restored.namespace as MountNamespace;
    sys.mount('late', join(host.disk, 'b'), { type: 'tmpfs' });
    expect(namespace.capture().at('/a/b')?.source).toBe('late');
    const before = mountTable();
    inside(namespace, () => sys.mount('own', '/a/a', { type: 'tmpfs' }));
    expect(namespace.capture().at('/a/a')?.source).toBe('own');
    expect(mountTable()).toBe(before);
    sys.umount(join(host.disk, 'b'));
  });

  test('what follows another part of the mount follows the whole of it', () => {
    using host = new Host();
    sys.makeShared(host.disk);
    const wanted = tree('2 1 8:1 /x/a /a rw,relatime shared:2 master:9 - ext4 /dev/vda rw');
    using restored = restoreTreeSync(wanted, {
      ...options,
      external: { '/a': join(host.disk, 'a') },
      slaves: { '/a': join(host.disk, 'b') },
    });
    expect(restored.differences).toEqual([]);
  });

  test('beside new namespaces, and a proc of theirs', () => {
    using host = new Host();
    const wanted = tree(A, '3 1 0:9 / /proc rw,relatime - proc proc rw');
    const all = { ...options, newNamespaces: ['pid'], external: { '/a': join(host.disk, 'a') } } as const;
    using restored = restoreTreeSync(wanted, all);
    expect(restored.differences).toEqual([]);
  });

  test('who owns a filesystem is told in the ids inside', () => {
    using host = new Host();
    const maps = { uidMap: ['0 0 1', '100 7 1'], gidMap: ['0 0 1'] };
    const all = { engine, userNamespace: maps, external: { '/a': join(host.disk, 'a') } };
    using restored = restoreTreeSync(tree(A), all);
    expect(restored.differences).toEqual([]);
    expect(restored.tree.at('/a')?.superOptions).toContain('uid=100');
    expect(verifyTree(restored.target, (restored.namespace as MountNamespace).capture())).toEqual([]);
  });

  test('a flag that is locked cannot be cleared, one that is not can be set', async () => {
    using host = new Host();
    sys.remount(host.disk, ['RDONLY', 'NOSUID', 'NOATIME']);
    const external = { '/a': join(host.disk, 'a') };
    const [refused, ...others] = await refusalsOf(tree(A), { ...options, external });
    expect(others).toEqual([]);
    expect(refused?.kind).toBe('privilege');
    expect(refused?.reason).toContain(
      `lies on ${host.disk}, which keeps ro, nosuid, its atime mode (noatime, where the tree has relatime)`,
    );
    expect(refused?.cures.map(({ cli }) => cli)).toContain(`mount -o remount,bind,rw,relatime ${host.disk}`);
    const locked = tree('2 1 8:1 /x/a /a ro,nosuid,noexec,noatime - ext4 /dev/vda rw');
    using restored = restoreTreeSync(locked, { ...options, external });
    expect(restored.differences).toEqual([]);
  });

  test('what is mounted below a path is named, because it cannot be left out', async () => {
    using host = new Host();
    sys.mount('below', join(host.disk, 'a/mnt'), { type: 'tmpfs' });
    const external = { '/a': join(host.disk, 'a') };
    const [refused, ...others] = await refusalsOf(tree(A), { ...options, external });
    expect(others).toEqual([]);
    expect(refused).toMatchObject({ kind: 'source', mounts: [{ mountPoint: '/a' }] });
    expect(refused?.reason).toContain(`${join(host.disk, 'a/mnt')} is locked there`);
    using beside = restoreTreeSync(tree(A), { ...options, external: { '/a': join(host.disk, 'b') } });
    expect(beside.differences).toEqual([]);
  });

  test('no mount of the host is made shared from there', async () => {
    using host = new Host();
    const wanted = tree('2 1 8:1 /x /a rw,relatime master:9 - ext4 /dev/vda rw');
    const all = {
      ...options,
      external: { '/a': host.disk },
      slaves: { '/a': true },
      shareSources: true,
    } as const;
    const [refused, ...others] = await refusalsOf(wanted, all);
    expect(others).toEqual([]);
    expect(refused?.cures[0]?.cli).toBe(`mount --make-shared ${host.disk}`);
  });

  test('and none is given a map', async () => {
    using host = new Host();
    const one = [{ inside: 0, outside: 0, length: 1 }];
    const all = { ...options, external: { '/a': host.disk }, idmap: { '/a': { uid: one, gid: one } } };
    const refused = await refusalsOf(tree(A), all);
    expect(refused.map(({ kind }) => kind)).toEqual(['idmap']);
  });

  test('a file that was put there after it was looked at is not taken', async () => {
    using host = new Host();
    const path = join(host.disk, 'a');
    const before = mountTable();
    const restoring = restoreTree(tree(A), { ...options, external: { '/a': path } });
    renameSync(path, join(host.disk, 'old'));
    mkdirSync(path);
    await expect(restoring).rejects.toMatchObject({
      code: 'ESTALE',
      syscall: 'fstat',
      mount: 2,
      hint: expect.stringContaining('replaced'),
    });
    expect(mountTable()).toBe(before);
  });
});
