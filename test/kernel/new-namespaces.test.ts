import { readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import { probe } from '../../lib/system/inspect/probe.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { commandFiles, install, outcomeOf } from '../support/commands.ts';
import { inside } from '../support/inside.ts';
import { BOTH_ENGINES } from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot, isRoot } from '../support/privilege.ts';
import { expectUnmet } from '../support/refusal.ts';
import { mountTable } from '../support/scratch-mount.ts';

const canMake = probe().privileges.userNamespace === true;
const ALL = ['pid', 'net', 'ipc', 'cgroup'] as const;
const flags = 'rw,nosuid,nodev,noexec,relatime';
const treeOf = (type: string) =>
  parseMountinfo(`1 0 0:1 / / rw - tmpfs root rw\n2 1 0:2 / /x ${flags} - ${type} ${type} rw\n`);

describe.skipIf(!isMachineRoot || !canMake)('in a user namespace, filesystems that show another one', () => {
  expectNoLeakedFds();

  test.each([
    ['proc', 'pid'],
    ['sysfs', 'net'],
    ['mqueue', 'ipc'],
    ['cgroup2', 'cgroup'],
  ] as const)('%s is made with a new %s namespace', async (type, kind) => {
    const before = mountTable();
    const options = { userNamespace: 'self', newNamespaces: [kind] } as const;
    {
      using restored = await restoreTree(treeOf(type), options);
      expect(restored.differences).toEqual([]);
      expect(restored.tree.at('/x')?.type).toBe(type);
    }
    expect(mountTable()).toBe(before);
  });

  test.each([
    ['proc', 'pid'],
    ['sysfs', 'net'],
  ])('without it the refusal of %s names it', async (type, kind) => {
    const [refused] = await expectUnmet(treeOf(type), { userNamespace: 'self' }, [['filesystem', '/x']]);
    expect(refused?.cures[0]).toMatchObject({ option: 'newNamespaces', cli: `--new-namespaces ${kind}` });
  });

  test('one that no user namespace may mount is refused all the same', async () => {
    const options: RestoreOptions = { userNamespace: 'self', newNamespaces: ALL };
    const [refused] = await expectUnmet(treeOf('debugfs'), options, [['filesystem', '/x']]);
    expect(refused?.reason).toContain('no user namespace but the initial one');
  });
});

describe.skipIf(!isMachineRoot)('new namespaces around a tree', () => {
  expectNoLeakedFds();
  const COMMANDS = commandFiles('/bin/sh', '/usr/bin/readlink', '/usr/bin/sleep');

  test.each(BOTH_ENGINES)(
    'are those that commands run in, with a proc that shows them: %s',
    async (engine) => {
      using restored = restoreTreeSync(treeOf('proc'), { newNamespaces: ALL, engine });
      expect(restored.differences).toEqual([]);
      const namespace = restored.namespace as MountNamespace;
      inside(namespace, () => install('/', COMMANDS));
      const script =
        'for kind in pid net ipc cgroup user; do readlink /x/self/ns/$kind; done; echo /x/[0-9]*; echo $$';
      const { status, out } = await outcomeOf(namespace.spawn('/bin/sh', ['-c', script], { env: {} }));
      const lines = out.trim().split('\n');
      const own = [...ALL, 'user'].map((kind) => readlinkSync(`/proc/self/ns/${kind}`));
      expect(status).toBe(0);
      expect(lines.slice(0, 4).filter((line) => own.includes(line))).toEqual([]);
      expect(lines[4]).toBe(own[4]);
      // The keeper is the first process there, and the shell is one of the next.
      expect(lines[5]?.split(' ')).toEqual(['/x/1', `/x/${lines[6]}`]);
    },
  );

  test('outlive each command, and end with the tree', async () => {
    const restored = await restoreTree(treeOf('proc'), { newNamespaces: ['pid'] });
    const namespace = restored.namespace as MountNamespace;
    inside(namespace, () => install('/', COMMANDS));
    const run = () => outcomeOf(namespace.spawn('/usr/bin/readlink', ['/x/self/ns/pid'], { env: {} }));
    const [first, second] = [await run(), await run()];
    expect(second).toEqual(first);
    const sleeper = namespace.spawn('/usr/bin/sleep', ['600'], { env: {}, stdio: 'ignore' });
    const ended = new Promise((resolve) => sleeper.once('close', (...how) => resolve(how)));
    await delay(100);
    restored.release();
    expect(await ended).toEqual([null, 'SIGKILL']);
  });

  test('pass signals on, and end as the command does', async () => {
    using restored = await restoreTree(treeOf('proc'), { newNamespaces: ['pid'] });
    const namespace = restored.namespace as MountNamespace;
    inside(namespace, () => install('/', COMMANDS));
    const script = 'trap "echo got; exit 9" TERM; echo ready; while :; do /usr/bin/sleep 0.05; done';
    const child = namespace.spawn('/bin/sh', ['-c', script], { env: {} });
    child.stdout?.once('data', () => child.kill('SIGTERM'));
    expect(await outcomeOf(child)).toEqual({ status: 9, out: 'ready\ngot\n' });
    const killed = namespace.spawn('/bin/sh', ['-c', 'kill -KILL $$'], { env: {}, stdio: 'ignore' });
    const how = await new Promise((resolve) => killed.once('close', (...end) => resolve(end)));
    expect(how).toEqual([null, 'SIGKILL']);
  });

  test('are made for an empty namespace, too', async () => {
    using namespace = MountNamespace.create({ newNamespaces: ['pid', 'net'] });
    const child = namespace.spawn('sh', ['-c', 'readlink /proc/thread-self/ns/net; echo $$']);
    const { out } = await outcomeOf(child);
    expect(out).not.toContain(readlinkSync('/proc/self/ns/net'));
  });
});

describe.skipIf(!isRoot || !canMake)('the process that keeps them', () => {
  test('is a child of this one, and is gone when they are let go of', async () => {
    const children = () => readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
    await expect.poll(children).toBe(''); // those of other tests have ended
    const namespace = MountNamespace.create({ from: 'empty', userNamespace: 'self', newNamespaces: ['pid'] });
    expect(children()).not.toBe('');
    namespace.close();
    await expect.poll(children).toBe('');
  });
});
