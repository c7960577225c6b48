import type { ChildProcess } from 'node:child_process';
import { existsSync, fstatSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { captureTree, MountNamespace, UsageError } from '../../lib/index.ts';
import * as sys from '../../lib/sys.ts';
import { pinNamespace, pinNamespaceSync } from '../../lib/system/namespaces/pin.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot, isRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

const exit = (child: ChildProcess) => new Promise((resolve) => child.once('close', resolve));
const output = (child: ChildProcess) => text(child.stdout as NodeJS.ReadableStream);

test('the own namespace', () => {
  using own = MountNamespace.current();
  expect(readlinkSync(`/proc/self/fd/${own.fd.number}`)).toBe(readlinkSync('/proc/self/ns/mnt'));
});

describe.skipIf(!isRoot)('mount namespaces, as root', () => {
  expectNoLeakedFds();
  let scratch: ScratchMount;
  let place: string;
  beforeAll(() => {
    scratch = new ScratchMount();
    place = scratch.path;
  });
  afterAll(() => scratch[Symbol.dispose]());

  test('a new one is a private copy', () => {
    sys.makeShared(place);
    using namespace = MountNamespace.create();
    sys.makePrivate(place);
    const tree = namespace.capture();
    expect(tree.mounts.map((mount) => mount.mountPoint)).toEqual(
      captureTree().mounts.map((mount) => mount.mountPoint),
    );
    expect(tree.groups.size).toBe(0);
    expect(tree.at(place)?.kind).toBe('directory');
  });

  test('a process of Node’s own runs inside, with the standard streams and nothing else', async () => {
    using namespace = MountNamespace.create();
    const script = `mount -t tmpfs inside ${place}; grep -c " - tmpfs inside " /proc/self/mountinfo; ls /proc/self/fd | tr '\\n' ' '; pwd`;
    const child = namespace.spawn('sh', ['-c', script], { cwd: '/usr' });
    const [printed, status] = await Promise.all([output(child), exit(child)]);
    expect(printed).toMatch(/^1\n0 1 2 \d+ \/usr\n$/); // the fourth is the directory that ls reads
    expect(status).toBe(0);
    expect(namespace.capture().at(place)?.source).toBe('inside');
    expect(captureTree().at(place)?.source).toBe('scratch');
  });

  test.skipIf(!isMachineRoot)('ids are taken on inside', async () => {
    using namespace = MountNamespace.create();
    const child = namespace.spawn('sh', ['-c', 'id -u; id -g'], { uid: 1234, gid: 2345 });
    const ended = exit(child);
    expect(await output(child)).toBe('1234\n2345\n');
    await ended;
  });

  test('there are no streams but the standard ones', () => {
    using namespace = MountNamespace.create();
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe'] as const;
    expect(() => namespace.spawn('true', [], { stdio: [...stdio] })).toThrow(UsageError);
  });

  test('there is no shell on this side of it', () => {
    using namespace = MountNamespace.create();
    expect(() => namespace.spawn('true', [], { shell: true })).toThrow(UsageError);
  });

  test('a command that is not there is 127, one that cannot run 126', async () => {
    using namespace = MountNamespace.create();
    expect(await exit(namespace.spawn('/no-such-command', [], { stdio: 'ignore' }))).toBe(127);
    expect(await exit(namespace.spawn('/etc', [], { stdio: 'ignore' }))).toBe(126);
  });

  test('a command that is waited for', () => {
    using namespace = MountNamespace.create({ from: 'copy', userNamespace: 'self' });
    const script = 'read word; echo $word; pwd; id -u >&2; exit 3';
    const options = { cwd: '/usr', input: 'given\n', encoding: 'utf8' } as const;
    const { status, stdout, stderr } = namespace.spawnSync('sh', ['-c', script], options);
    expect({ status, stdout, stderr }).toEqual({ status: 3, stdout: 'given\n/usr\n', stderr: '0\n' });
    expect(namespace.spawnSync('readlink', ['/proc/self/ns/mnt']).stdout).toBeInstanceOf(Buffer);
    expect(namespace.spawnSync('/no-such-command').status).toBe(127);
    expect(() => namespace.spawnSync('true', [], { shell: true })).toThrow(UsageError);
  });

  test.each(['pin', 'pinSync'] as const)(
    'a pin keeps it, and is opened again by its path: %s',
    async (pin) => {
      const path = join(place, pin);
      const namespace = MountNamespace.create();
      const report = await namespace[pin](path);
      expect(report.path).toBe(path);
      const inode = fstatSync(namespace.fd.number).ino;
      namespace.close();
      const again = MountNamespace.open(path);
      expect(fstatSync(again.fd.number).ino).toBe(inode);
      expect(again.capture().size).toBeGreaterThan(0);
      again.close();
      sys.umount(path, ['DETACH']);
    },
  );

  test('a pin with a relative path is where the working directory was when it was asked for', async () => {
    using namespace = MountNamespace.create();
    const home = process.cwd();
    try {
      process.chdir(place);
      const pinned = namespace.pin('relative');
      const next = namespace.pin('./next');
      process.chdir('/');
      expect((await pinned).path).toBe(join(place, 'relative'));
      expect((await next).path).toBe(`${place}/./next`);
      process.chdir(place);
      expect(namespace.pinSync('relative-sync').path).toBe(join(place, 'relative-sync'));
    } finally {
      process.chdir(home);
    }
    const { ino } = fstatSync(namespace.fd.number);
    for (const name of ['relative', 'next', 'relative-sync']) {
      expect(statSync(join(place, name)).ino).toBe(ino);
      MountNamespace.unpin(join(place, name));
    }
    await expect(namespace.pin('')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a namespace that is older than the caller’s is copied before it is pinned', async () => {
    // The caller's own, seen as any other: its id is never higher than itself.
    const path = join(place, 'own');
    using own = MountNamespace.current();
    const size = captureTree().size;
    for (const pin of [pinNamespace, pinNamespaceSync]) {
      const { report, copy } = await pin({ fd: own.fd }, path);
      expect(report.copied).toBe(true);
      expect(readlinkSync(`/proc/self/fd/${copy?.fd.number}`)).not.toBe(readlinkSync('/proc/self/ns/mnt'));
      expect(copy && captureTree({ fd: copy.fd }).size).toBe(size);
      copy?.fd.close();
      sys.umount(path);
    }
  });

  test('pins of one namespace are made one after the other, and survive its closing', async () => {
    const paths = ['one', 'two'].map((name) => join(place, name));
    using own = MountNamespace.current();
    const [one, two] = paths.map((path) => own.pin(path));
    expect(() => own.pinSync(join(place, 'three'))).toThrow(UsageError);
    expect(await one).toEqual({ path: paths[0], copied: true });
    const held = fstatSync(own.fd.number).ino;
    expect(await two).toEqual({ path: paths[1], copied: false });
    expect(fstatSync(own.fd.number).ino).toBe(held);
    const closed = MountNamespace.current();
    const last = closed.pin(join(place, 'last'));
    closed.close();
    expect(await last).toMatchObject({ copied: true });
    for (const path of [...paths, join(place, 'last')]) MountNamespace.unpin(path);
  });

  test('a keeper of namespaces that cannot be started says why', () => {
    const { MOUNTYARD_ADDON: addon } = process.env;
    const keeping = () => MountNamespace.create({ newNamespaces: ['net'] });
    const refusal = (code: string) =>
      expect.objectContaining({ code, syscall: 'spawn', hint: expect.stringContaining('enters namespaces') });
    try {
      process.env.MOUNTYARD_ADDON = join(place, 'other.node');
      expect(keeping).toThrow(refusal('ENOENT'));
      writeFileSync(join(place, 'other-enter'), '', { mode: 0o644 });
      expect(keeping).toThrow(refusal('EACCES'));
    } finally {
      if (addon === undefined) delete process.env.MOUNTYARD_ADDON;
      else process.env.MOUNTYARD_ADDON = addon;
    }
  });

  test('a tree with unbindable mounts cannot be copied: the error says so, and the file made for it is gone', async () => {
    const path = join(place, 'refused');
    sys.makeUnbindable(place);
    using own = MountNamespace.current();
    const refusal = { code: 'EINVAL', hint: expect.stringContaining('would lose the unbindable mounts') };
    await expect(pinNamespace({ fd: own.fd }, path)).rejects.toMatchObject(refusal);
    expect(() => pinNamespaceSync({ fd: own.fd }, path)).toThrow(expect.objectContaining(refusal));
    sys.makePrivate(place);
    expect(existsSync(path)).toBe(false);
  });

  test('no thread of Node’s changes its namespace', async () => {
    const table = readFileSync('/proc/self/mountinfo', 'utf8');
    using namespace = MountNamespace.create();
    namespace.capture();
    await exit(namespace.spawn('true'));
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(table);
  });
});
