import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Mount } from '../../lib/model/mount.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import { type Requirement, UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import type { RestoredTree } from '../../lib/system/restore/restored.ts';
import { outcomeOf } from '../support/commands.ts';
import { inside } from '../support/inside.ts';
import { LxcHost, lxcTree, WINDOW_TARGETS, type WindowType } from '../support/lxc-host.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable } from '../support/scratch-mount.ts';

const ENGINES = ['detached', 'yard'] as const;
const SLAVES = ['/', ...Object.values(WINDOW_TARGETS)];

describe.skipIf(!isMachineRoot).each(ENGINES)('an LXC container, restored on a small host: %s', (engine) => {
  test('comes back with all its mounts, and is the same when read back', async () => {
    using host = new LxcHost({ engine });
    await using restored = await restoreTree(lxcTree(), host.options);
    expect(restored.differences).toEqual([]);
    expect(restored.tree.size).toBe(20);
    expect(restored.report).toMatchObject({ verified: true, mounts: 20, hostEffects: [], standIns: [] });
    expect(restored.report.skipped.map(({ mountPoint }) => mountPoint)).toEqual(['/proc/sysrq-trigger']);
    expect(mountPointsOf(restored.tree)).toEqual(
      mountPointsOf(lxcTree()).filter((path) => path !== '/proc/sysrq-trigger'),
    );
    expect(namespaceOf(restored).capture().mounts.map(withoutKind)).toEqual(
      restored.tree.mounts.map(withoutKind),
    );
  });

  test('has five slaves, each of the group of the mount that it was told to follow', () => {
    using host = new LxcHost({ engine });
    using restored = restoreTreeSync(lxcTree(), host.options);
    const own = captureTree();
    const followed = (path: string) => own.at(path)?.propagation.shared;
    expect(mastersOf(restored.tree)).toEqual({
      '/': followed(host.disk),
      ...Object.fromEntries(
        Object.entries(host.windows).map(([type, path]) => [
          WINDOW_TARGETS[type as WindowType],
          followed(path),
        ]),
      ),
    });
    expect(restored.tree.groups.size).toBe(0);
  });

  test('sees a mount that the host makes below its root', () => {
    using host = new LxcHost({ engine });
    using restored = restoreTreeSync(lxcTree(), host.options);
    sys.mount('late', join(host.rootfs, 'mnt'), { type: 'tmpfs' });
    expect(seenAt(restored, '/mnt')).toMatchObject({ source: 'late', type: 'tmpfs' });
    sys.umount(join(host.rootfs, 'mnt'));
    expect(seenAt(restored, '/mnt')).toBeUndefined();
  });

  test('sees nothing of what the host mounts on its disk beside its root', () => {
    using host = new LxcHost({ engine });
    mkdirSync(join(host.disk, 'beside'));
    using restored = restoreTreeSync(lxcTree(), host.options);
    sys.mount('beside', join(host.disk, 'beside'), { type: 'tmpfs' });
    expect(namespaceOf(restored).capture().size).toBe(20);
  });

  test.each(Object.keys(WINDOW_TARGETS) as WindowType[])(
    'sees a mount that the host makes on its %s',
    (type) => {
      using host = new LxcHost({ engine });
      using restored = restoreTreeSync(lxcTree(), host.options);
      sys.mount('late', host.windows[type], { type: 'tmpfs' });
      expect(seenAt(restored, WINDOW_TARGETS[type])).toMatchObject({ source: 'late', type: 'tmpfs' });
      sys.umount(host.windows[type]);
      expect(seenAt(restored, WINDOW_TARGETS[type])).toMatchObject({ type });
    },
  );

  test('sees a mount that the host makes in a directory of its debugfs', () => {
    using host = new LxcHost({ engine });
    using restored = restoreTreeSync(lxcTree(), host.options);
    const name = readdirSync(host.windows.debugfs, { withFileTypes: true }).find((entry) =>
      entry.isDirectory(),
    )?.name;
    expect(name, 'a directory in debugfs').toBeDefined();
    sys.mount('late', `${host.windows.debugfs}/${name}`, { type: 'tmpfs' });
    expect(seenAt(restored, `/sys/kernel/debug/${name}`)).toMatchObject({ source: 'late' });
  });

  test.each([...SLAVES.slice(1), '/mnt', '/run/lock'])(
    'mounts at %s inside what its host does not see',
    (path) => {
      using host = new LxcHost({ engine });
      using restored = restoreTreeSync(lxcTree(), host.options);
      const before = mountTable();
      inside(namespaceOf(restored), () => sys.mount('inside', path, { type: 'tmpfs' }));
      expect(seenAt(restored, path)).toMatchObject({ source: 'inside' });
      expect(mountTable()).toBe(before);
    },
  );

  test('runs a shell that finds the default devices', async () => {
    using host = new LxcHost({ engine });
    await using restored = await restoreTree(lxcTree(), host.options);
    const script = 'test -c /dev/null && echo lost > /dev/null && read b && echo "$b" && test -L /dev/ptmx';
    const child = namespaceOf(restored).spawn('/bin/sh', ['-c', script]);
    child.stdin?.end('through\n');
    expect(await outcomeOf(child)).toEqual({ status: 0, out: 'through\n' });
  });
});

describe.skipIf(!isMachineRoot).each(ENGINES)('a host mount that is private: %s', (engine) => {
  test('cannot be followed, and the refusal names what would share it', async () => {
    using host = new LxcHost({ engine, leavePrivate: ['debugfs', 'disk'] });
    const before = mountTable();
    const requirements = await refusalOf(host.options);
    expect(requirements.map(({ kind, mounts }) => [kind, mounts[0]?.mountPoint])).toEqual([
      ['private-source', '/'],
      ['private-source', '/sys/kernel/debug'],
    ]);
    expect(requirements[1]?.reason).toContain(host.windows.debugfs);
    for (const { cures } of requirements) {
      expect(cures[0]).toMatchObject({ option: 'shareSources', cli: '--share-sources' });
    }
    expect(mountTable()).toBe(before);
  });

  test('is made shared when it may be, which is told and stays', async () => {
    using host = new LxcHost({ engine, leavePrivate: ['debugfs', 'disk'] });
    await using restored = await restoreTree(lxcTree(), { ...host.options, shareSources: true });
    expect(restored.differences).toEqual([]);
    const told = restored.report.hostEffects.map(({ kind, path, undone }) => ({ kind, path, undone }));
    expect(told).toHaveLength(2);
    expect(told).toEqual(
      expect.arrayContaining([
        { kind: 'share-source', path: host.rootfs, undone: true },
        { kind: 'share-source', path: host.windows.debugfs, undone: true },
      ]),
    );
    restored.release();
    for (const path of [host.disk, host.windows.debugfs]) {
      expect(captureTree().at(path)?.propagation.shared, path).toBeGreaterThan(0);
    }
  });

  test('really passes on what is mounted on it after it was made shared', () => {
    using host = new LxcHost({ engine, leavePrivate: ['pstore'] });
    using restored = restoreTreeSync(lxcTree(), { ...host.options, shareSources: true });
    sys.mount('late', host.windows.pstore, { type: 'tmpfs' });
    expect(seenAt(restored, WINDOW_TARGETS.pstore)).toMatchObject({ source: 'late' });
  });
});

describe.skipIf(!isMachineRoot).each(ENGINES)('without the host’s propagation: %s', (engine) => {
  test('the five are private and the rest is the same', () => {
    using host = new LxcHost({ engine });
    const { slaves: _, ...options } = host.options;
    using restored = restoreTreeSync(lxcTree(), { ...options, ignoreHostPropagation: true });
    expect(restored.differences).toEqual([]);
    expect(restored.tree.size).toBe(20);
    expect(mastersOf(restored.tree)).toEqual({});
    expect(restored.report.ignoredMasters.map(({ mount }) => mount.mountPoint).sort()).toEqual(
      [...SLAVES].sort(),
    );
    sys.mount('late', join(host.rootfs, 'mnt'), { type: 'tmpfs' });
    expect(seenAt(restored, '/mnt')).toBeUndefined();
  });
});

describe.skipIf(!isMachineRoot)('without options', () => {
  test('every requirement is told at once, and nothing has changed', async () => {
    using _host = new LxcHost();
    const before = mountTable();
    const requirements = await refusalOf({});
    expect(requirements.map(({ kind, mounts }) => `${kind} ${mounts[0]?.mountPoint}`).sort()).toEqual(
      [
        'root /',
        'external /sys/fs/cgroup/cgmanager',
        'path /proc/sysrq-trigger',
        ...SLAVES.map((path) => `master ${path}`),
      ].sort(),
    );
    for (const { reason, cures } of requirements) expect(cures.length, reason).toBeGreaterThan(0);
    expect(mountTable()).toBe(before);
  });
});

async function refusalOf(options: RestoreOptions): Promise<readonly Requirement[]> {
  try {
    using _restored = await restoreTree(lxcTree(), options);
  } catch (error) {
    if (error instanceof UnmetRequirementsError) return error.requirements;
    throw error;
  }
  throw new Error('it was restored');
}

function mountPointsOf(tree: MountTree): string[] {
  return tree.mounts.map((mount) => mount.mountPoint).sort();
}

function mastersOf(tree: MountTree): Record<string, number | undefined> {
  const slaves = tree.mounts.filter(({ propagation }) => propagation.master !== undefined);
  return Object.fromEntries(slaves.map(({ mountPoint, propagation }) => [mountPoint, propagation.master]));
}

function namespaceOf(restored: RestoredTree): MountNamespace {
  if (!restored.namespace) throw new Error('no namespace was made');
  return restored.namespace;
}

function seenAt(restored: RestoredTree, path: string): Mount | undefined {
  return namespaceOf(restored).capture().at(path);
}

function withoutKind({ kind: _, ...mount }: Mount): Partial<Mount> {
  return mount;
}
