import { chmodSync, chownSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MOUNT_ATTR } from '../../lib/flags.ts';
import type { IdMap } from '../../lib/model/mount.ts';
import * as sys from '../../lib/sys.ts';
import { idmapNamespace } from '../../lib/system/namespaces/userns.ts';
import {
  BOTH_ENGINES,
  bindMapped,
  bindTo,
  directory,
  joinGroup,
  LiveNamespace,
  makeSuperblockReadOnly,
  mountTmpfs,
  numbers,
  restoreSame,
} from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';

const FLAGS = ['RDONLY', 'NOSUID', 'NODEV', 'NOEXEC', 'NODIRATIME', 'NOSYMFOLLOW'] as const;
const ATIMES = ['RELATIME', 'NOATIME', 'STRICTATIME'] as const;
const SUPERBLOCK = ['ro', 'sync', 'dirsync', 'lazytime', 'mand'] as const;

/** Maps are written there. */
const PROC = { proc: true };

const chosen = <T>(names: readonly T[], bits: number): T[] => names.filter((_, i) => (bits >> i) & 1);

/** A superblock with the flags of `bits`, and a bind of it with each combination of the mount's own. */
function everyCombination(bits: number): number {
  const flags = chosen(SUPERBLOCK, bits);
  directory('/base');
  using created = sys.fsopen('tmpfs');
  for (const flag of flags) if (flag !== 'ro') sys.fsconfigFlag(created, flag);
  sys.fsconfigCreate(created);
  using mount = sys.fsmount(created);
  sys.moveMount(mount, '/base');
  for (const [index, atime] of ATIMES.entries()) {
    for (const own of numbers(1 << FLAGS.length)) {
      const path = `/${index}-${own}`;
      bindTo('/base', path);
      const set = [...chosen(FLAGS, own), ...(atime === 'RELATIME' ? [] : [atime])];
      sys.mountSetattr(path, { set, clear: [...FLAGS, '__ATIME'] });
    }
  }
  if (flags.includes('ro')) {
    using context = sys.fspick('/base');
    sys.fsconfigFlag(context, 'ro');
    sys.fsconfigReconfigure(context);
  }
  return ATIMES.length << FLAGS.length;
}

const map = (outside: number, length = 1000): IdMap => ({
  uid: [{ inside: 0, outside, length }],
  gid: [{ inside: 0, outside: outside + 7, length }],
});

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('attributes come back as they were: %s', (engine) => {
  expectNoLeakedFds();

  test('every combination of a mount’s own flags with every one of its superblock’s', async () => {
    expect(FLAGS.every((flag) => flag in MOUNT_ATTR)).toBe(true);
    const seen = new Set<string>();
    for (const bits of numbers(1 << SUPERBLOCK.length)) {
      let binds = 0;
      using live = new LiveNamespace(() => {
        binds = everyCombination(bits);
      });
      const captured = live.capture();
      expect(captured.size).toBe(binds + 2);
      for (const { options, superOptions, mountPoint } of captured.mounts)
        if (mountPoint !== '/') seen.add(`${options.join()} ${superOptions}`);
      using _restored = await restoreSame(captured, engine);
    }
    expect(seen.size).toBe(32 * 3 * 64);
  }, 240_000);

  test('a group in which each member has flags of its own', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/base');
      directory('/base/in');
      for (const own of numbers(1 << FLAGS.length)) bindTo('/base', `/${own}`);
      sys.makeShared('/base');
      for (const own of numbers(1 << FLAGS.length)) {
        joinGroup('/base', `/${own}`);
        sys.mountSetattr(`/${own}`, { set: chosen(FLAGS, own), clear: FLAGS });
      }
      sys.mount('in all', '/base/in', { type: 'tmpfs' });
    });
    const captured = live.capture();
    expect(captured.size).toBe(1 + 2 * 65);
    using _restored = await restoreSame(captured, engine);
  });

  test('binds of one superblock with different maps, one of them of several ranges, in groups', async () => {
    const several: IdMap = {
      uid: [
        { inside: 0, outside: 5000, length: 10 },
        { inside: 10, outside: 7000, length: 1 },
      ],
      gid: [
        { inside: 0, outside: 9000, length: 5 },
        { inside: 100, outside: 9005, length: 65_536 },
      ],
    };
    using live = new LiveNamespace(() => {
      mountTmpfs('/base');
      directory('/base/sub');
      bindMapped('/base', '/one', map(100_000));
      bindMapped('/base', '/two', map(200_000));
      bindMapped('/base', '/several', several);
      bindMapped('/base/sub', '/one/sub', map(100_000));
      sys.mountSetattr('/two', { set: ['RDONLY', 'NOSUID'] });
      sys.makeShared('/one');
      joinGroup('/one', '/two');
    }, PROC);
    const captured = live.capture();
    expect(['/one', '/two', '/several', '/one/sub'].map((path) => captured.at(path)?.idmap)).toEqual([
      map(100_000),
      map(200_000),
      several,
      map(100_000),
    ]);
    using restored = await restoreSame(captured, engine);
    expect(restored.tree.at('/several')?.idmap).toEqual(several);
    expect(restored.tree.at('/two')?.idmap).toEqual(map(200_000));
  });

  test.each(['rw', 'ro'] as const)(
    'a mount in a directory that its idmapped parent shows as nobody’s, and lets nobody search: %s',
    async (superblock) => {
      using live = new LiveNamespace(() => {
        mountTmpfs('/base');
        directory('/base/shut/in');
        bindTo('/base', '/view');
        sys.mount('inner', '/view/shut/in', { type: 'tmpfs' });
        for (const path of ['/base/shut', '/base']) {
          chownSync(path, 1000, 1000);
          chmodSync(path, 0o700);
        }
        // The map has no such owner; a mount that others are on can be given one only as a clone of them all.
        using userNamespace = idmapNamespace(map(5000), 1);
        using clone = sys.openTree('/view', ['CLONE', 'RECURSIVE']);
        sys.mountSetattr(clone, { set: ['IDMAP'], userNamespace });
        directory('/mapped');
        sys.moveMount(clone, '/mapped');
        if (superblock === 'ro') makeSuperblockReadOnly('/base');
      }, PROC);
      const captured = live.capture();
      expect(captured.at('/mapped/shut/in')?.source).toBe('inner');
      expect(captured.at('/mapped')?.idmap).toEqual(map(5000));
      using restored = await restoreSame(captured, engine);
      const directories = restored.namespace?.capture().mounts.flatMap((mount) => mount.directories ?? []);
      expect(directories).toContainEqual({ path: '/shut', mode: 0o700, uid: 1000, gid: 1000 });
    },
  );

  test('one window under two source names', async () => {
    using live = new LiveNamespace(() => {
      for (const [source, path] of [
        ['sysfs', '/sys'],
        ['other name', '/again'],
        ['sysfs', '/third'],
      ] as const) {
        directory(path);
        sys.mount(source, path, { type: 'sysfs' });
      }
      bindTo('/again', '/bound');
      bindTo('/sys/kernel', '/part');
    });
    const captured = live.capture();
    expect(captured.superblocks.size).toBe(2);
    using restored = await restoreSame(captured, engine);
    expect(restored.tree.at('/bound')).toMatchObject({ source: 'other name' });
    expect(restored.tree.superblocks.size).toBe(2);
  });
});
