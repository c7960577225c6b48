import { describe, expect, test } from 'vitest';
import * as sys from '../../lib/sys.ts';
import { restoreTree } from '../../lib/system/restore/restore.ts';
import {
  BOTH_ENGINES,
  bindTo,
  directory,
  expectSameArrivals,
  joinGroup,
  LiveNamespace,
  mountTmpfs,
  restoreSame,
  slaveOf,
} from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';

const PEERS = ['/p1', '/p2', '/p3', '/p4'];
const KINDS = ['private', 'shared', 'slave', 'shared-slave'];

/** Four peers, and under each of them a private, a shared, a slave and a shared slave child; masters beside them. */
function net(): void {
  mountTmpfs('/p1');
  for (const kind of KINDS) directory(`/p1/${kind}`);
  for (const peer of PEERS.slice(1)) bindTo('/p1', peer);
  sys.makeShared('/p1');
  for (const peer of PEERS.slice(1)) joinGroup('/p1', peer);
  for (const master of ['/master-1', '/master-2']) {
    mountTmpfs(master);
    directory(`${master}/x`);
    sys.makeShared(master);
  }
  // What is mounted under one appears under all; then each goes its own way.
  sys.mount('private', '/p1/private', { type: 'tmpfs' });
  sys.mount('shared', '/p1/shared', { type: 'tmpfs' });
  sys.bind('/master-1', '/p1/slave');
  sys.bind('/master-2', '/p1/shared-slave');
  for (const peer of PEERS) {
    sys.makePrivate(`${peer}/private`);
    sys.makeSlave(`${peer}/slave`);
    sys.makeSlave(`${peer}/shared-slave`);
    sys.makeShared(`${peer}/shared-slave`);
  }
  bindTo('/p1/shared-slave', '/follower');
  sys.makeSlave('/follower');
  sys.makeShared('/follower');
}

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('nets of groups come back: %s', (engine) => {
  expectNoLeakedFds();

  test('four peers with private, shared, slave and shared slave children, 24 mounts on a root', async () => {
    using live = new LiveNamespace(net);
    const captured = live.capture();
    expect(captured.size).toBe(1 + 4 + 2 + 4 * 4 + 1);
    using restored = await restoreSame(captured, engine);
    expect(expectSameArrivals('/master-1/x', live.namespace, restored)).toEqual([
      '/master-1/x',
      ...PEERS.map((peer) => `${peer}/slave/x`),
    ]);
    expect(expectSameArrivals('/master-2/x', live.namespace, restored)).toHaveLength(6);
    expect(expectSameArrivals('/p3/shared/y', live.namespace, restored)).toEqual(
      PEERS.map((peer) => `${peer}/shared/y`),
    );
    expect(expectSameArrivals('/p2/private/y', live.namespace, restored)).toEqual(['/p2/private/y']);
    expect(expectSameArrivals('/p1/shared-slave/y', live.namespace, restored)).toEqual([
      '/follower/y',
      '/p1/shared-slave/y',
    ]);
    expect(expectSameArrivals('/p4/new', live.namespace, restored)).toEqual(
      PEERS.map((peer) => `${peer}/new`),
    );
  });

  test('propagation that is not uniform: copies removed, covered, moved away and made private', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/p1');
      for (const name of ['a', 'b', 'c', 'd', 'e']) directory(`/p1/${name}`);
      sys.makeShared('/p1');
      for (const peer of PEERS.slice(1)) bindTo('/p1', peer);
      slaveOf('/p1', '/s');
      for (const name of ['a', 'b', 'c', 'd']) sys.mount(name, `/p1/${name}`, { type: 'tmpfs' });
      sys.umount('/s/a'); // of the slave alone
      sys.mount('over b', '/s/b', { type: 'tmpfs' });
      sys.makePrivate('/p2/c');
      sys.mount('in the private copy', '/p2/c', { type: 'tmpfs' });
      sys.move('/s/d', '/s/e');
      // A peer that leaves keeps what came, and one that comes later lacks it.
      sys.makePrivate('/p4');
      sys.umount('/p4/a');
      bindTo('/p1', '/late');
    });
    const captured = live.capture();
    expect(captured.at('/late/a')).toBeUndefined();
    expect(captured.at('/p4/b')?.propagation.shared).toBe(captured.at('/p1/b')?.propagation.shared);
    using restored = await restoreSame(captured, engine);
    expect(expectSameArrivals('/p3/e', live.namespace, restored)).toHaveLength(5);
    expect(expectSameArrivals('/p4/b/x', live.namespace, restored)).toEqual(
      expect.arrayContaining(['/p1/b/x', '/p4/b/x']),
    );
  });

  test('a bind of a shared tree with all below it, in another with the same children', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/t');
      for (const name of ['private', 'shared', 'slave', 'unbindable']) directory(`/t/${name}`);
      sys.makeShared('/t');
      mountTmpfs('/t/shared');
      mountTmpfs('/t/private');
      sys.makePrivate('/t/private');
      mountTmpfs('/t/slave');
      slaveOf('/t/slave', '/t/slave');
      mountTmpfs('/t/unbindable');
      sys.makeUnbindable('/t/unbindable');
      for (const place of ['/r1', '/r2']) {
        directory(place);
        sys.bind('/t', place, { recursive: true });
      }
      sys.makeSlave('/r2', { recursive: true });
    });
    const captured = live.capture();
    expect(captured.at('/r1/unbindable')).toBeUndefined();
    using restored = await restoreSame(captured, engine);
    expect(expectSameArrivals('/t/shared/x', live.namespace, restored)).toEqual([
      '/r1/shared/x',
      '/r2/shared/x',
      '/t/shared/x',
    ]);
  });

  test('read-only: the root, binds of it, and what is writable below them', async () => {
    using live = new LiveNamespace(() => {
      for (const name of ['etc', 'var/lib', 'tmp']) directory(`/${name}`);
      sys.bind('/etc', '/etc');
      mountTmpfs('/tmp', 'mode=1777');
      sys.bind('/var', '/var');
      mountTmpfs('/var/lib', '', 'state');
      for (const place of ['/etc', '/var']) sys.remount(place, ['RDONLY', 'NOSUID', 'RELATIME']);
      sys.remount('/', ['RDONLY', 'RELATIME']);
    });
    const captured = live.capture();
    expect(captured.root?.options).toContain('ro');
    using restored = await restoreSame(captured, engine);
    const writable = restored.tree.mounts.filter(({ options }) => options.includes('rw'));
    expect(writable.map(({ mountPoint }) => mountPoint).sort()).toEqual(['/tmp', '/var/lib']);
  });

  test('a root whose filesystem is read-only, with writable mounts in it', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/data');
      bindTo('/data', '/again');
      using context = sys.fspick('/');
      sys.fsconfigFlag(context, 'ro');
      sys.fsconfigReconfigure(context);
    });
    const captured = live.capture();
    expect(captured.root).toMatchObject({
      superOptions: expect.stringMatching(/^ro/),
      options: ['rw', 'relatime'],
    });
    using _restored = await restoreSame(captured, engine);
  });

  test('what pivot_root leaves: the old root under the new one, shared, with all that was on it', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/new', '', 'new root');
      for (const name of ['old', 'x']) directory(`/new/${name}`);
      mountTmpfs('/left', '', 'left');
      sys.bind('/left', '/new/x');
      sys.pivotRoot('/new', '/new/old');
      sys.makeShared('/old', { recursive: true });
      slaveOf('/old/left', '/follows');
    });
    const captured = live.capture();
    expect(captured.root?.source).toBe('new root');
    expect(captured.at('/old')?.source).toBe('root');
    using restored = await restoreSame(captured, engine);
    expect(expectSameArrivals('/old/left/y', live.namespace, restored)).toEqual([
      '/follows/y',
      '/old/left/y',
    ]);
  });

  test('a root that was stacked on by a pivot into a directory of itself', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/new', '', 'new root');
      mountTmpfs('/new/in', '', 'in it');
      process.chdir('/new');
      sys.pivotRoot('.', '.');
      // The old root lies on the new one now, as it does before it is dropped.
    });
    const captured = live.capture();
    expect(captured.root?.source).toBe('new root');
    expect(captured.size).toBe(3);
    using restored = await restoreTree(captured, { engine });
    expect(restored.differences).toEqual([]);
    expect(restored.tree.at('/')?.source).toBe('root');
  });
});
