import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

describe.skipIf(!isRoot)('mountyard/sys, as root', () => {
  expectNoLeakedFds();

  let scratch: ScratchMount;
  let place: string;
  beforeAll(() => {
    scratch = new ScratchMount();
    place = scratch.path;
  });
  afterAll(() => scratch[Symbol.dispose]());

  const at = (path: string) => captureTree().at(path);
  const make = (name: string) => {
    mkdirSync(join(place, name));
    return join(place, name);
  };

  test('bind, propagation and remount change what mountinfo shows', () => {
    const [a, b] = [make('bind-a'), make('bind-b')];
    sys.bind(a, b);
    expect(at(b)?.root).toBe('/bind-a');
    sys.makeShared(b);
    expect(at(b)?.propagation.shared).toBeGreaterThan(0);
    sys.makeSlave(b);
    expect(at(b)?.propagation).toEqual({ unbindable: false });
    sys.makeUnbindable(b);
    expect(at(b)?.propagation).toEqual({ unbindable: true });
    sys.makePrivate(b);
    sys.remount(b, ['RDONLY', 'NOSUID']);
    expect(at(b)?.options).toEqual(['ro', 'nosuid', 'relatime']);
    sys.umount(b);
    expect(at(b)).toBeUndefined();
  });

  test('move takes the mount along', () => {
    const [a, b] = [make('move-a'), make('move-b')];
    sys.mount('there', a, { type: 'tmpfs' });
    sys.move(a, b);
    expect(at(a)).toBeUndefined();
    expect(at(b)?.source).toBe('there');
    sys.umount(b);
  });

  test('a detached mount is configured, given attributes and attached by fd', () => {
    const target = make('detached');
    using context = sys.fsopen('tmpfs');
    sys.fsconfigString(context, 'source', 'made');
    sys.fsconfigString(context, 'mode', '700');
    sys.fsconfigCreate(context);
    using made = sys.fsmount(context, ['NODEV']);
    sys.mountSetattr(made, { set: ['NOEXEC'], propagation: 'SHARED' });
    sys.moveMount(made, target);
    expect(at(target)).toMatchObject({ source: 'made', options: ['rw', 'nodev', 'noexec', 'relatime'] });
    using again = sys.openTree(target, ['CLONE']);
    sys.moveMount(again, { at: made, path: '' });
    expect(captureTree().mounts.filter((mount) => mount.mountPoint === target)).toHaveLength(2);
    sys.umount(target, ['DETACH']); // an open fd keeps it busy
    sys.umount(target, ['DETACH']);
  });

  test('fspick reconfigures a superblock', () => {
    const target = make('picked');
    sys.mount('t', target, { type: 'tmpfs' });
    using context = sys.fspick(target);
    sys.fsconfigFlag(context, 'ro');
    sys.fsconfigReconfigure(context);
    expect(at(target)?.superOptions).toMatch(/^ro/);
    context.close();
    sys.umount(target);
  });

  test('SET_GROUP gives a mount the group of another', () => {
    const target = make('group');
    sys.mount('t', target, { type: 'tmpfs' });
    sys.makeShared(target);
    using from = sys.openTree(target);
    using clone = sys.openTree(target, ['CLONE']);
    sys.mountSetattr(clone, { propagation: 'PRIVATE' });
    sys.moveMount(from, clone, ['SET_GROUP']);
    const second = make('group-2');
    sys.moveMount(clone, second);
    expect(at(second)?.propagation.shared).toBe(at(target)?.propagation.shared);
    sys.umount(second, ['DETACH']);
    sys.umount(target, ['DETACH']);
  });

  test('statmount and listmount tell of every mount what mountinfo does', () => {
    const table = captureTree();
    const told = sys.listmount().map((id) => sys.statmount(id));
    expect(told.map((status) => status.oldId).sort()).toEqual(table.mounts.map((mount) => mount.id).sort());
    for (const status of told) {
      const mount = table.get(status.oldId ?? 0);
      expect(status).toMatchObject({
        device: mount?.device,
        root: mount?.root,
        mountPoint: mount?.mountPoint,
      });
      expect(status.type).toBe(mount?.type);
    }
  });

  test('openat2 stays where it is told to', () => {
    const directory = make('open');
    writeFileSync(join(directory, 'file'), 'x');
    using top = sys.openat2(directory, { flags: ['PATH', 'DIRECTORY'] });
    sys.openat2({ at: top, path: 'file' }, { resolve: ['BENEATH', 'NO_SYMLINKS'] }).close();
    expect(() => sys.openat2({ at: top, path: '../open/file' }, { resolve: ['BENEATH'] })).toThrow(
      expect.objectContaining({ code: 'EXDEV', syscall: 'openat2' }),
    );
  });
});

describe('errors', () => {
  const caught = (f: () => unknown): sys.MountError => {
    try {
      f();
    } catch (error) {
      if (error instanceof sys.MountError) return error;
      throw error;
    }
    throw new Error('nothing was thrown');
  };

  test.skipIf(!isRoot)('show what was asked, the call as made, the answer and a hint', () => {
    const error = caught(() => sys.bind('/mountyard-absent', '/mnt'));
    expect(error.message.split('\n')).toEqual([
      'bind("/mountyard-absent", "/mnt"): mount("/mountyard-absent", "/mnt", NULL, MS_BIND, NULL) = ENOENT (no such file or directory)',
      '  A component of the path is not there in this mount namespace.',
    ]);
    expect(error).toMatchObject({
      code: 'ENOENT',
      errno: 2,
      syscall: 'mount',
      path: '/mountyard-absent',
      dest: '/mnt',
    });
  });

  test.skipIf(!isRoot)('hold the words of the kernel', () => {
    using context = sys.fsopen('tmpfs');
    const error = caught(() => sys.fsconfigString(context, 'nonsense', '1'));
    expect(error.code).toBe('EINVAL');
    expect(error.kernelLog.join()).toContain('nonsense');
    expect(error.call).toMatch(/^fsconfig\(\d+<tmpfs context>, FSCONFIG_SET_STRING, "nonsense", "1", 0\)$/);
  });

  test('an fd prints as its number and what it stands for', () => {
    using proc = sys.openat2('/proc', { flags: ['PATH'] });
    const error = caught(() => sys.openat2({ at: proc, path: 'absent' }, { resolve: ['BENEATH'] }));
    expect(error.call).toBe(
      `openat2(${proc.number}</proc>, "absent", {flags=O_CLOEXEC, mode=00, resolve=RESOLVE_BENEATH})`,
    );
  });

  test('a NUL and an unknown flag are usage errors', () => {
    expect(() => sys.umount('/a\0b')).toThrow(sys.UsageError);
    expect(() => sys.umount('/a', ['LAZY' as 'DETACH'])).toThrow(/DETACH/);
  });
});

describe('OwnedFd', () => {
  test('is closed once, and says so when it is used after', () => {
    const fd = sys.openat2('/proc', { flags: ['PATH'] });
    const before = readdirSync('/proc/self/fd').length;
    fd.close();
    fd.close();
    expect(readdirSync('/proc/self/fd')).toHaveLength(before - 1);
    expect(() => fd.number).toThrow('the fd of /proc is closed');
  });
});
