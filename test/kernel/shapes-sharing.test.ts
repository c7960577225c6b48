import { describe, expect, test } from 'vitest';
import { diffTrees } from '../../lib/model/diff.ts';
import { UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import * as sys from '../../lib/sys.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTree } from '../../lib/system/restore/restore.ts';
import {
  arrivalsOf,
  BOTH_ENGINES,
  bindTo,
  directory,
  expectSameArrivals,
  joinGroup,
  LiveNamespace,
  mountTmpfs,
  numbers,
  restoreSame,
  slaveOf,
} from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';

/** 20 groups, each the slave of the one before, the last a slave only. */
function chain(): void {
  mountTmpfs('/0');
  directory('/0/x');
  sys.makeShared('/0');
  for (const i of numbers(20)) {
    slaveOf(`/${i}`, `/${i + 1}`);
    if (i < 19) sys.makeShared(`/${i + 1}`);
  }
}

/** Two sub-directories in one group, whose wider member went. */
function cousins(): void {
  mountTmpfs('/wide');
  for (const name of ['x/in', 'y/in']) directory(`/wide/${name}`);
  sys.makeShared('/wide');
  bindTo('/wide/x', '/x');
  bindTo('/wide/y', '/y');
  bindTo('/wide/x', '/x2');
  slaveOf('/wide/y', '/y-slave');
  sys.umount('/wide');
}

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('sharing comes back as it was: %s', (engine) => {
  expectNoLeakedFds();

  test('in a chain of slaves 20 deep, which a mount goes down and not up', async () => {
    using live = new LiveNamespace(chain);
    const captured = live.capture();
    expect(captured.slaves.size).toBe(20);
    using restored = await restoreSame(captured, engine);
    expect(expectSameArrivals('/0/x', live.namespace, restored)).toHaveLength(21);
    expect(expectSameArrivals('/13', live.namespace, restored)).toHaveLength(8);
    expect(expectSameArrivals('/20/x', live.namespace, restored)).toEqual(['/20/x']);
  });

  test('in the middle of a chain', async () => {
    using live = new LiveNamespace(chain);
    using restored = await restoreSame(live.capture(), engine);
    expect(expectSameArrivals('/11/x', live.namespace, restored)).toEqual(
      numbers(10).map((i) => `/${i + 11}/x`),
    );
  });

  test('for 100 slaves of one master, each with a child of its own', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/m');
      for (const name of ['x', 'own']) directory(`/m/${name}`);
      sys.makeShared('/m');
      for (const i of numbers(100)) {
        slaveOf('/m', `/s${i}`);
        sys.mount(`own ${i}`, `/s${i}/own`, { type: 'tmpfs' });
      }
    });
    const captured = live.capture();
    expect(captured.size).toBe(202);
    using restored = await restoreSame(captured, engine);
    expect(expectSameArrivals('/m/x', live.namespace, restored)).toHaveLength(101);
  });

  test('where each peer has another child at one place', async () => {
    const peers = ['/a', '/b', '/c', '/d'];
    using live = new LiveNamespace(() => {
      mountTmpfs('/a');
      for (const name of ['x', 'later']) directory(`/a/${name}`);
      for (const peer of peers.slice(1)) bindTo('/a', peer);
      for (const [i, peer] of peers.entries()) {
        if (i < 3) mountTmpfs(`${peer}/x`, `size=${(i + 1) * 64}k`, `child of ${peer}`);
      }
      sys.makeShared('/a');
      for (const peer of peers.slice(1)) joinGroup('/a', peer);
    });
    const captured = live.capture();
    expect(peers.map((peer) => captured.at(`${peer}/x`)?.source)).toEqual([
      'child of /a',
      'child of /b',
      'child of /c',
      undefined,
    ]);
    expect(captured.groups.size).toBe(1);
    using restored = await restoreSame(captured, engine);
    expect(expectSameArrivals('/c/later', live.namespace, restored)).toHaveLength(4);
  });

  test('where members differ in their attributes, and so do what is mounted on them', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/a');
      directory('/a/x');
      sys.makeShared('/a');
      bindTo('/a', '/b');
      bindTo('/a', '/c');
      slaveOf('/a', '/d');
      mountTmpfs('/a/x');
      sys.remount('/b', ['RDONLY', 'NOSUID', 'RELATIME']);
      sys.remount('/b/x', ['NODEV', 'NOATIME']);
      sys.remount('/c', ['NOEXEC', 'NODIRATIME', 'RELATIME']);
      sys.remount('/d', ['RDONLY', 'NOEXEC', 'STRICTATIME']);
      sys.remount('/d/x', ['RDONLY', 'RELATIME']);
    });
    const captured = live.capture();
    expect(captured.at('/b/x')?.options).toContain('nodev');
    using _restored = await restoreSame(captured, engine);
  });

  test('where members without mounts of their own differ in their attributes, beside one with a mount', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/a');
      for (const name of ['x', 'own']) directory(`/a/${name}`);
      mountTmpfs('/a/own');
      sys.makeShared('/a');
      for (const peer of ['/b', '/c']) bindTo('/a', peer);
      bindTo('/a/x', '/narrow');
      for (const slave of ['/s', '/t', '/v']) slaveOf('/a', slave);
      sys.makeShared('/t');
      bindTo('/t', '/t2');
      slaveOf('/t', '/u');
      sys.remount('/c', ['RDONLY', 'NOSUID', 'NOATIME']);
      sys.remount('/t2', ['NOEXEC', 'RELATIME']);
      sys.remount('/u', ['RDONLY', 'STRICTATIME']);
      sys.remount('/v', ['NODEV', 'RELATIME']);
    });
    const captured = live.capture();
    expect([captured.groups.size, captured.slaves.size]).toEqual([2, 2]);
    using restored = await restoreSame(captured, engine);
    expect(expectSameArrivals('/b/x', live.namespace, restored)).toHaveLength(9);
    expect(expectSameArrivals('/t2/x', live.namespace, restored)).toEqual(['/t/x', '/t2/x', '/u/x']);
    expect(expectSameArrivals('/s/x', live.namespace, restored)).toEqual(['/s/x']);
    expect(expectSameArrivals('/c/own', live.namespace, restored)).toHaveLength(8);
  });

  test('among members whose roots have no wider member left', async () => {
    using live = new LiveNamespace(cousins);
    const captured = live.capture();
    expect([...captured.groups.values()].map((members) => members.length)).toEqual([3]);
    using restored = await restoreSame(captured, engine, { fresh: 'all' });
    expect(expectSameArrivals('/x/in', live.namespace, restored)).toEqual(['/x/in', '/x2/in']);
    expect(expectSameArrivals('/y/in', live.namespace, restored)).toEqual(['/y-slave/in', '/y/in']);
  });

  test('for a slave that cannot be bound', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/m');
      directory('/m/x');
      sys.makeShared('/m');
      slaveOf('/m', '/s');
      bindTo('/m', '/su');
      sys.makeUnbindable('/su');
      joinGroup('/s', '/su');
    });
    const captured = live.capture();
    expect(captured.at('/su')?.propagation).toMatchObject({ unbindable: true, master: expect.any(Number) });
    using restored = await restoreSame(captured, engine);
    expect(expectSameArrivals('/m/x', live.namespace, restored)).toEqual(['/m/x', '/s/x', '/su/x']);
    expect(() => live.do(() => bindTo('/su', '/again'))).toThrow('EINVAL');
  });

  test('for slaves of a group that is a slave, with members of other roots', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/m');
      for (const name of ['a/deep/er', 'b/deep']) directory(`/m/${name}`);
      sys.makeShared('/m');
      slaveOf('/m/a', '/a');
      sys.makeShared('/a');
      slaveOf('/a/deep', '/deep');
      sys.makeShared('/deep');
      slaveOf('/deep/er', '/deeper');
      slaveOf('/m/b', '/b');
      sys.umount('/a');
    });
    const captured = live.capture();
    using restored = await restoreSame(captured, engine);
    expect(expectSameArrivals('/m/a/deep/er', live.namespace, restored).sort()).toEqual(
      ['/deep/er', '/deeper', '/m/a/deep/er'].sort(),
    );
  });
});

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('masters outside the tree: %s', (engine) => {
  expectNoLeakedFds();

  /** Slaves of two groups, whose members are in a namespace that goes on without them. */
  function orphans(): Disposable & { readonly live: LiveNamespace } {
    const hosts = new LiveNamespace(() => {
      for (const name of ['/one', '/two']) {
        mountTmpfs(name);
        directory(`${name}/x`);
        sys.makeShared(name);
      }
    });
    const live = new LiveNamespace(
      () => {
        for (const name of ['/one', '/two']) sys.makeSlave(name);
        slaveOf('/one', '/one-too');
        sys.makeShared('/two');
        slaveOf('/two', '/below');
      },
      { copyOf: hosts },
    );
    return {
      live,
      [Symbol.dispose]() {
        live[Symbol.dispose]();
        hosts[Symbol.dispose]();
      },
    };
  }

  test('are refused, each group once, with what would drop them', async () => {
    using made = orphans();
    const refusal = await restoreTree(made.live.capture(), { engine }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(UnmetRequirementsError);
    const { requirements } = refusal as UnmetRequirementsError;
    expect(requirements.map(({ kind, mounts }) => [kind, ...mounts.map((m) => m.mountPoint)])).toEqual([
      ['master', '/one', '/one-too'],
      ['master', '/two'],
    ]);
    expect(requirements[0]?.cures.map(({ option }) => option)).toEqual(['slaves', 'ignoreHostPropagation']);
  });

  test('are dropped when they may be, and the sharing inside stays', async () => {
    using made = orphans();
    const captured = made.live.capture();
    using restored = await restoreTree(captured, { engine, ignoreHostPropagation: true });
    expect(restored.differences).toEqual([]);
    const { tree } = restored;
    expect(tree.at('/one')?.propagation).toEqual({ unbindable: false });
    expect(tree.at('/one-too')?.propagation).toEqual({ unbindable: false });
    expect(tree.at('/two')?.propagation).toEqual({ shared: expect.any(Number), unbindable: false });
    expect(tree.at('/below')?.propagation.master).toBe(tree.at('/two')?.propagation.shared);
    expect(
      diffTrees(captured, tree)
        .map(({ kind, mount }) => `${kind} ${mount.mountPoint}`)
        .sort(),
    ).toEqual(['master /one', 'master /one-too', 'master /two']);
    expect(expectSameArrivals('/two/x', made.live.namespace, restored)).toEqual(['/below/x', '/two/x']);
  });

  test('are needed even where a group in the tree dominates from afar (propagate_from)', async () => {
    using hosts = new LiveNamespace(() => {
      mountTmpfs('/far');
      directory('/far/x');
      sys.makeShared('/far');
      slaveOf('/far', '/between');
      sys.makeShared('/between');
      slaveOf('/between', '/near');
    });
    // The group between has its only member in the first namespace.
    using live = new LiveNamespace(() => sys.umount('/between'), { copyOf: hosts });
    const captured = live.capture();
    const far = captured.at('/far')?.propagation.shared;
    expect(captured.at('/near')?.propagation.propagateFrom).toBe(far);
    const refusal = await restoreTree(captured, { engine }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(UnmetRequirementsError);
    expect((refusal as UnmetRequirementsError).requirements.map(({ kind }) => kind)).toEqual(['master']);

    // Of both namespaces together nothing is missing.
    const snapshot = { namespaces: [live.capture(), hosts.capture()] };
    using restored = await restoreTree(snapshot, { engine });
    expect(restored.differences).toEqual([]);
    expect(restored.tree.at('/near')?.propagation.propagateFrom).toBe(
      restored.tree.at('/far')?.propagation.shared,
    );
    const copies = restored.namespaces as readonly [MountNamespace, MountNamespace];
    const expected = arrivalsOf('/far/x', live.namespace, [live.namespace, hosts.namespace]);
    expect(expected).toEqual([
      ['/far/x', '/near/x'],
      ['/between/x', '/far/x', '/near/x'],
    ]);
    expect(arrivalsOf('/far/x', copies[0], copies)).toEqual(expected);
  });
});
