import { chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { IdMap } from '../../lib/model/mount.ts';
import * as sys from '../../lib/sys.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { idmapNamespace } from '../../lib/system/namespaces/userns.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { inside } from '../support/inside.ts';
import { BOTH_ENGINES } from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { expectUnmet } from '../support/refusal.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';

const RANGE = [{ inside: 0, outside: 100000, length: 1000 }];
const MAP: IdMap = { uid: RANGE, gid: RANGE };
const TREE = parseMountinfo(
  '1 0 8:1 / / rw,relatime - ext4 /dev/sda rw\n2 1 8:2 / /data rw,relatime shared:3 - ext4 /dev/sdb rw\n' +
    '3 1 8:2 /sub /sub ro,relatime shared:3 - ext4 /dev/sdb rw\n4 1 0:9 / /proc rw,relatime - proc proc rw\n',
);

describe.skipIf(!isMachineRoot)('a map for what the host supplies', () => {
  expectNoLeakedFds();

  /** Two filesystems of the host, whose files are root's. */
  function hostDisks(scratch: ScratchMount) {
    const [root, data] = [scratch.tmpfs('root', 'mode=755'), scratch.tmpfs('data', 'mode=755')];
    for (const name of ['data', 'sub', 'proc']) mkdirSync(join(root, name));
    mkdirSync(join(data, 'sub'));
    writeFileSync(join(data, 'file'), '');
    chownSync(join(data, 'sub'), 7, 8);
    return { root, external: { '/data': data } };
  }

  /** An idmapped bind of it. */
  function idmapped(scratch: ScratchMount, path: string): string {
    const bind = scratch.directory('mapped');
    using clone = sys.openTree(path, ['CLONE']);
    using user = idmapNamespace({ uid: [{ inside: 0, outside: 5000, length: 1000 }], gid: RANGE }, 2);
    sys.mountSetattr(clone, { set: ['IDMAP'], userNamespace: user });
    sys.moveMount(clone, bind);
    return bind;
  }

  test.each(BOTH_ENGINES)('is that of the root filesystem and of the externals named: %s', async (engine) => {
    using scratch = new ScratchMount();
    const before = mountTable();
    const sources = hostDisks(scratch);
    const after = mountTable();
    expect(after).not.toBe(before);
    using restored = await restoreTree(TREE, { ...sources, idmap: { '/': MAP, '/data': MAP }, engine });
    expect(restored.differences).toEqual([]);
    const mapped = restored.tree.mounts.filter((mount) => mount.idmap);
    expect(mapped.map(({ mountPoint, idmap }) => [mountPoint, idmap])).toEqual([
      ['/', MAP],
      ['/data', MAP],
    ]);
    inside(restored.namespace as MountNamespace, () => {
      expect([ownerOf('/'), ownerOf('/data/file'), ownerOf('/data/sub'), ownerOf('/sub')]).toEqual([
        [100000, 100000],
        [100000, 100000],
        [100007, 100008],
        [7, 8], // not named
      ]);
      chownSync('/data/file', 100003, 100004);
    });
    expect(ownerOf(join(sources.external['/data'], 'file'))).toEqual([3, 4]);
    expect(mountTable()).toBe(after);
  });

  test('replaces the one that the source has itself', () => {
    using scratch = new ScratchMount();
    const sources = hostDisks(scratch);
    const mapped = idmapped(scratch, sources.external['/data']);
    const external = { '/data': mapped };
    using restored = restoreTreeSync(TREE, { ...sources, external, idmap: { '/data': MAP } });
    expect(restored.differences).toEqual([]);
    inside(restored.namespace as MountNamespace, () =>
      expect(ownerOf('/data/file')).toEqual([100000, 100000]),
    );
  });

  test('of the source itself is not the tree’s', () => {
    using scratch = new ScratchMount();
    const sources = hostDisks(scratch);
    const external = { '/data': idmapped(scratch, sources.external['/data']) };
    using restored = restoreTreeSync(TREE, { ...sources, external });
    expect(restored.differences).toEqual([]);
    expect(restored.tree.mounts.filter((mount) => mount.idmap)).toEqual([]);
  });

  test('is refused beforehand where the filesystem takes none', async () => {
    using scratch = new ScratchMount();
    const sources = hostDisks(scratch);
    const before = mountTable();
    const [refused] = await expectUnmet(TREE, { ...sources, idmap: { '/proc': MAP } }, [['idmap', '/proc']]);
    expect(refused?.reason).toContain('proc');
    expect(mountTable()).toBe(before);
  });

  const ownerOf = (path: string) => {
    const { uid, gid } = statSync(path);
    return [uid, gid];
  };
});
