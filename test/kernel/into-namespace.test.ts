import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CancelledError } from '../../lib/errors.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import * as sys from '../../lib/sys.ts';
import { probe } from '../../lib/system/inspect/probe.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { verifyTree } from '../../lib/system/restore/verify.ts';
import { commandFiles, install } from '../support/commands.ts';
import { inside } from '../support/inside.ts';
import { BOTH_ENGINES, LiveNamespace, mountTmpfs } from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot, isRoot } from '../support/privilege.ts';
import { expectUnmet } from '../support/refusal.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';

/** A shared root with a group, a slave, a stack and a deleted root. */
const TREE = parseMountinfo(
  [
    '1 0 0:1 / / rw,relatime shared:9 - tmpfs root rw,mode=755',
    '2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw',
    '3 1 0:2 / /b ro,nosuid,relatime master:1 - tmpfs disk rw',
    '4 1 0:3 / /s rw,relatime - tmpfs below rw',
    '5 4 0:4 / /s rw,noexec,relatime - tmpfs above rw',
    '6 5 0:2 /gone//deleted /s/d rw,relatime - tmpfs disk rw',
    '7 1 0:5 / /proc rw,relatime - proc proc rw',
    '',
  ].join('\n'),
);

/** A process that lives in a namespace and does nothing. */
class Resident implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async in(namespace: MountNamespace, cwd = '/'): Promise<Resident> {
    const child = namespace.spawn('sh', ['-c', 'echo ready; exec sleep 600'], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    return new Resident(child);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }
}

const tableOf = ({ pid }: Resident): MountTree => parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`));

describe.skipIf(!isRoot)('a tree for a namespace that exists', () => {
  expectNoLeakedFds();

  test.each(BOTH_ENGINES)('becomes its root, for the processes that live there: %s', async (engine) => {
    const before = mountTable();
    using namespace = MountNamespace.create();
    await using init = await Resident.in(namespace);
    await using elsewhere = await Resident.in(namespace, '/usr');
    const file = readlinkSync(`/proc/${init.pid}/ns/mnt`);
    {
      using restored = await restoreTree(TREE, { into: { namespace: init.pid }, engine });
      expect(restored.differences).toEqual([]);
      expect(restored.report.hostEffects).toMatchObject([{ kind: 'replace-root', path: '/', undone: true }]);
      expect(restored.report.leftBehind).toEqual([{ pid: elsewhere.pid, command: 'sleep', at: ['cwd'] }]);
      expect(readlinkSync(`/proc/self/fd/${restored.namespace?.fd.number}`)).toBe(file);
    }
    expect(readlinkSync(`/proc/${init.pid}/ns/mnt`)).toBe(file);
    // The kernel's own words: the old root is gone, and root and working directory are the new one's.
    expect(tableOf(init).size).toBe(TREE.size);
    expect([readlinkSync(`/proc/${init.pid}/root`), readlinkSync(`/proc/${init.pid}/cwd`)]).toEqual([
      '/',
      '/',
    ]);
    expect(readFileSync(`/proc/${init.pid}/root/proc/self/comm`, 'utf8')).toBe(
      readFileSync('/proc/self/comm', 'utf8'),
    );
    expect(tableOf(elsewhere).size).toBe(TREE.size);
    expect(readlinkSync(`/proc/${elsewhere.pid}/root`)).toBe('/');
    expect(readlinkSync(`/proc/${elsewhere.pid}/cwd`)).toBe('/usr'); // of what is no longer mounted anywhere
    expect(verifyTree(TREE, namespace.capture())).toEqual([]);
    expect(mountTable()).toBe(before);
  });

  test('leaves who lives in a chroot where it is, and says so', async () => {
    using scratch = new ScratchMount();
    const jail = scratch.directory('jail');
    install(jail, commandFiles('/usr/bin/sleep'));
    using namespace = MountNamespace.create();
    const child = namespace.spawn('chroot', [jail, '/usr/bin/sleep', '600'], { stdio: 'ignore' });
    const closed = once(child, 'close');
    await expect.poll(() => readFileSync(`/proc/${child.pid}/comm`, 'utf8')).toBe('sleep\n');
    using restored = namespace.restoreSync(TREE, { verify: false });
    expect(restored.report).toMatchObject({
      verified: false,
      leftBehind: [{ pid: child.pid, command: 'sleep', at: ['root', 'cwd'] }],
    });
    child.kill('SIGKILL');
    await closed;
  });

  test.each(BOTH_ENGINES)('is attached at a directory of it, and released again: %s', async (engine) => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    const before = mountTable();
    using namespace = MountNamespace.create();
    await using init = await Resident.in(namespace);
    const inThere = tableOf(init).size;
    const restored = await namespace.restore(TREE, { at, engine });
    expect(restored.differences).toEqual([]);
    expect(restored.namespace).toBeUndefined();
    expect(tableOf(init).size).toBe(inThere + TREE.size);
    expect(mountTable()).toBe(before);
    inside(namespace, () => sys.mount('on it', at, { type: 'tmpfs' }));
    restored.release();
    expect(tableOf(init).size).toBe(inThere);
    expect(mountTable()).toBe(before);
  });

  test('by the object that holds it, joined, where nobody lives', () => {
    using namespace = MountNamespace.create({ from: 'empty' });
    expect(namespace.capture().size).toBe(1);
    using restored = namespace.restoreSync(TREE);
    expect(restored.differences).toEqual([]);
    expect(namespace.capture().size).toBe(TREE.size);
    using again = restoreTreeSync(TREE, { into: { namespace } });
    expect(again.differences).toEqual([]);
    expect(namespace.capture().size).toBe(TREE.size);
  });

  test('with what the caller’s own namespace supplies, and slaves of it', () => {
    using scratch = new ScratchMount();
    const disk = scratch.tmpfs('disk');
    sys.makeShared(disk);
    using namespace = MountNamespace.create({ from: 'empty' });
    const tree = parseMountinfo(
      '1 0 0:1 / / rw,relatime - tmpfs root rw\n2 1 8:1 / /disk rw,relatime master:7 - ext4 /dev/sda rw\n',
    );
    using restored = namespace.restoreSync(tree, { external: { '/disk': disk }, slaves: { '/disk': true } });
    expect(restored.differences).toEqual([]);
    scratch.tmpfs('disk/late');
    expect(namespace.capture().at('/disk/late')?.source).toBe('disk/late');
  });

  test('takes the place of a shared root without a trace in its peers', async () => {
    using first = new LiveNamespace(() => {
      for (const name of ['kept', 'late', 'old']) mountTmpfs(`/${name}`);
      sys.makeShared('/', { recursive: true });
      mountTmpfs('/kept/below');
    });
    using second = new LiveNamespace(() => {}, { copyOf: first });
    const before = first.capture();
    using restored = await second.namespace.restore(TREE);
    expect(restored.differences).toEqual([]);
    expect(second.capture().size).toBe(TREE.size);
    expect(first.capture().mounts.map(({ id }) => id)).toEqual(before.mounts.map(({ id }) => id));
  });

  test('that is refused midway leaves it as it was, groups and all', async () => {
    using first = new LiveNamespace(() => {
      mountTmpfs('/a');
      sys.makeShared('/', { recursive: true });
    });
    using second = new LiveNamespace(() => {}, { copyOf: first });
    const before = second.capture();
    const tree = parseMountinfo(
      '1 0 0:1 / / rw - tmpfs root rw,nr_inodes=2\n' +
        '2 1 0:2 / /a rw - tmpfs a rw\n3 1 0:3 / /b rw - tmpfs b rw\n4 1 0:4 / /c rw - tmpfs c rw\n',
    );
    await expect(second.namespace.restore(tree)).rejects.toMatchObject({
      code: 'ENOSPC',
      syscall: 'mkdirat',
    });
    await expect(second.namespace.restore(TREE, { signal: AbortSignal.abort() })).rejects.toThrow(
      CancelledError,
    );
    expect(second.capture().mounts).toEqual(before.mounts);
  });

  test('is refused where the directory is not there, or lies on a shared mount', async () => {
    using namespace = MountNamespace.create({ from: 'empty' });
    await expectUnmet(TREE, { into: { namespace, at: '/absent' } }, [['destination', undefined]]);
    inside(namespace, () => sys.makeShared('/'));
    await expectUnmet(TREE, { into: { namespace, at: '/' } }, [['destination', undefined]]);
    using restored = namespace.restoreSync(TREE, { at: '/', makeDestinationPrivate: true });
    expect(restored.differences).toEqual([]);
    restored.release();
    expect(namespace.capture().size).toBe(1);
  });

  test('a process that is not there is told from one that is', async () => {
    await expect(restoreTree(TREE, { into: { namespace: 0x7fffffff } })).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});

describe.skipIf(!isMachineRoot || probe().privileges.userNamespace !== true)(
  'a tree for a namespace that belongs to another user namespace',
  () => {
    const MAPS = { uidMap: ['0 100000 1000'], gidMap: ['0 100000 1000'] };
    const SMALL = parseMountinfo(
      '1 0 0:1 / / rw,relatime - tmpfs root rw,mode=755\n2 1 0:2 / /a rw,relatime shared:1 - tmpfs a rw,size=64k\n',
    );

    test('is made of filesystems of that one', async () => {
      using namespace = MountNamespace.create({ userNamespace: MAPS });
      await using init = await Resident.in(namespace);
      using restored = await restoreTree(SMALL, { into: { namespace: init.pid } });
      expect(restored.differences).toEqual([]);
      expect(tableOf(init).size).toBe(2);
      // Its root user may write in them, and change their options.
      expect(readFileSync(`/proc/${init.pid}/mountinfo`, 'utf8')).toContain('uid=100000,gid=100000');
    });

    test('cannot be made of what the host supplies, and says so', async () => {
      using namespace = MountNamespace.create({ userNamespace: MAPS });
      const options = { into: { namespace }, external: { '/a': '/usr' } };
      const [refused] = await expectUnmet(SMALL, options, [['privilege', '/']]);
      expect(refused?.reason).toContain('/usr');
    });
  },
);
