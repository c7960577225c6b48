import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync, statSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { MountError, UsageError } from '../../lib/errors.ts';
import { O } from '../../lib/flags.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { planRestore } from '../../lib/plan/restore.ts';
import { compileRestore } from '../../lib/program/compile.ts';
import * as sys from '../../lib/sys.ts';
import { OwnedFd } from '../../lib/system/calls/fd.ts';
import { readWhole } from '../../lib/system/calls/files.ts';
import { native } from '../../lib/system/calls/native.ts';
import { smallProgram } from '../../lib/system/calls/small-program.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { inspectHost } from '../../lib/system/inspect/inspect.ts';
import { probe } from '../../lib/system/inspect/probe.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot, isRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

/** What it printed, when it has ended. */
async function output(child: ChildProcess): Promise<string> {
  const [out] = await Promise.all([text(child.stdout as NodeJS.ReadableStream), once(child, 'close')]);
  return out;
}

const TREE = parseMountinfo(
  '1 0 0:1 / / rw,relatime - tmpfs root rw\n2 1 0:2 / /a ro,relatime - tmpfs a rw,size=64k\n',
);

describe.skipIf(!isRoot)('a namespace as an object', () => {
  expectNoLeakedFds();

  test('an empty one has a tmpfs for its root', () => {
    using namespace = MountNamespace.create({ from: 'empty' });
    expect(namespace.capture().mounts).toMatchObject([
      { mountPoint: '/', type: 'tmpfs', superOptions: expect.stringContaining('mode=755') },
    ]);
  });

  test('there is no other kind', () => {
    expect(() => MountNamespace.create({ from: 'full' as 'copy' })).toThrow(UsageError);
  });

  test('is found by the process that lives in it, by id and by pidfd', async () => {
    using namespace = MountNamespace.create();
    const child = namespace.spawn('sh', ['-c', 'echo ready; read line'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    const pid = child.pid as number;
    const inode = fileOf(namespace);
    using pidfd = new OwnedFd(native.sys.pidfdOpen(pid, 0), 'pidfd');
    for (const process of [pid, pidfd]) {
      using found = MountNamespace.of(process);
      expect(fileOf(found)).toBe(inode);
    }
    const closed = once(child, 'close');
    child.stdin?.end();
    await closed;
    expect(() => MountNamespace.of(pid)).toThrow(MountError);
    expect(() => MountNamespace.of(pidfd)).toThrow(expect.objectContaining({ code: 'ESRCH' }));
  });

  test('held twice lives until both have let go', () => {
    const first = MountNamespace.create({ from: 'empty' });
    const second = first.share();
    first.close();
    first.close();
    expect(second.capture().size).toBe(1);
    second.close();
    expect(() => second.capture()).toThrow(TypeError);
  });

  test('lets go at the end of an asynchronous block', async () => {
    let fd: OwnedFd;
    {
      await using namespace = MountNamespace.create();
      fd = namespace.fd;
    }
    expect(fd.closed).toBe(true);
  });

  test('runs a program that was compiled: a plan, and one of the caller’s own', async () => {
    using namespace = MountNamespace.create();
    const plan = compileRestore(planRestore(TREE, {}, inspectHost(TREE)));
    for (const fds of [namespace.runSync(plan), await namespace.run(plan)]) {
      const [file, table] = fds as [OwnedFd, OwnedFd];
      expect(parseMountinfo(readWhole(table)).size).toBe(2);
      expect(readlinkSync(`/proc/self/fd/${file.number}`)).not.toBe(`mnt:[${fileOf(namespace)}]`);
      for (const fd of fds) fd.close();
    }
    const own = smallProgram({ imports: ['proc'], exports: ['here'] }, (program) => {
      program.op('openat2', { a: 0, s1: 'thread-self/ns/mnt', f1: O.CLOEXEC, out: 1 });
    });
    using proc = sys.openat2('/proc', { flags: ['PATH'] });
    const imports = [{ kind: 'proc' }, ...own.program.imports] as const;
    const [here] = namespace.runSync({ ...own.program, imports, exports: [{ name: 'root', tree: 0 }] }, [
      proc,
    ]);
    expect(here && statSync(`/proc/self/fd/${here.number}`).ino).toBe(fileOf(namespace));
    here?.close();
  });

  test('a program that fails says which call, and what it was for', async () => {
    using namespace = MountNamespace.create();
    const { program } = smallProgram({}, (builder) => builder.op('umount2', { s1: '/none' }));
    await expect(namespace.run(program)).rejects.toMatchObject({
      code: 'ENOENT',
      call: 'umount2("/none", 0)',
    });
    expect(() => namespace.runSync({ ...program, imports: [{ kind: 'destination', path: '/' }] })).toThrow(
      UsageError,
    );
    expect(() => namespace.runSync(program, [0])).toThrow(UsageError);
  });

  test('a pin is taken away again, and nothing else is', async () => {
    using scratch = new ScratchMount();
    const path = scratch.at('pin');
    using namespace = MountNamespace.create();
    await namespace.pin(path);
    MountNamespace.unpin(path);
    expect(captureTree().mounts.filter(({ mountPoint }) => mountPoint === path)).toEqual([]);
    expect(() => MountNamespace.unpin(path)).toThrow(/no pin/);
    expect(() => MountNamespace.unpin(scratch.path)).toThrow(UsageError);
    expect(captureTree().at(scratch.path)?.source).toBe('scratch');
  });
});

describe.skipIf(!isRoot)('a command inside', () => {
  expectNoLeakedFds();

  test('has the streams, the environment and the options that Node’s spawn gives it', async () => {
    using namespace = MountNamespace.create();
    const script = 'read line; echo "$line $WORD"; echo err >&2';
    const child = namespace.spawn('sh', ['-c', script], {
      env: { PATH: process.env.PATH, WORD: 'given' },
      cwd: '/usr',
    });
    child.stdin?.end('typed\n');
    const [out, err] = await Promise.all([output(child), text(child.stderr as NodeJS.ReadableStream)]);
    expect([out, err]).toEqual(['typed given\n', 'err\n']);
  });

  test('is signalled, and its signal is its end', async () => {
    using namespace = MountNamespace.create();
    const child = namespace.spawn('sleep', ['600'], { stdio: 'ignore' });
    await once(child, 'spawn');
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([null, 'SIGTERM']);
  });

  test('ends with the AbortSignal it was given', async () => {
    using namespace = MountNamespace.create();
    const controller = new AbortController();
    const child = namespace.spawn('sleep', ['600'], { stdio: 'ignore', signal: controller.signal });
    const failed = once(child, 'error');
    const closed = new Promise((resolve) => child.once('close', resolve));
    controller.abort();
    expect((await failed)[0]).toMatchObject({ name: 'AbortError' });
    await closed;
  });

  test('the namespace may be let go of while it runs', async () => {
    const namespace = MountNamespace.create();
    const child = namespace.spawn('sh', ['-c', 'read line; readlink /proc/self/ns/mnt']);
    const file = `mnt:[${fileOf(namespace)}]\n`;
    namespace.close();
    child.stdin?.end('\n');
    expect(await output(child)).toBe(file);
  });
});

describe.skipIf(!isMachineRoot || probe().privileges.userNamespace !== true)(
  'a namespace in a user namespace of its own',
  () => {
    expectNoLeakedFds();
    const userNamespace = { uidMap: ['0 100000 1000'], gidMap: ['0 200000 1000'] };

    test('a command is root there, and can mount', async () => {
      using namespace = MountNamespace.create({ userNamespace });
      const child = namespace.spawn('sh', ['-c', 'id -u; id -g; mount -t tmpfs own /mnt && echo mounted']);
      expect(await output(child)).toBe('0\n0\nmounted\n');
      // Its owner is root there, which is not printed.
      expect(namespace.capture().at('/mnt')).toMatchObject({ source: 'own', superOptions: 'rw' });
    });

    test('or who it is told to be', async () => {
      using namespace = MountNamespace.create({ from: 'copy', userNamespace });
      const child = namespace.spawn('sh', ['-c', 'id -u; id -g; id -G'], { uid: 7, gid: 8 });
      expect(await output(child)).toBe('7\n8\n8\n');
    });

    test('is entered again by its process, its user namespace first', async () => {
      using namespace = MountNamespace.create({ userNamespace });
      const child = namespace.spawn('sh', ['-c', 'echo ready; read line']);
      await once(child.stdout as NodeJS.ReadableStream, 'data');
      using found = MountNamespace.of(child.pid as number);
      expect(await output(found.spawn('id', ['-u']))).toBe('0\n');
      const closed = once(child, 'close');
      child.stdin?.end('\n');
      await closed;
    });

    test('an empty one takes a tree', () => {
      using namespace = MountNamespace.create({ from: 'empty', userNamespace });
      using restored = namespace.restoreSync(TREE);
      expect(restored.differences).toEqual([]);
    });
  },
);

function fileOf(namespace: MountNamespace): number {
  return statSync(`/proc/self/fd/${namespace.fd.number}`).ino;
}
