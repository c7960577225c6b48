import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Mount } from '../../lib/model/mount.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import { type Proposal, proposeOptions } from '../../lib/plan/options/propose.ts';
import { UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { inspectHost } from '../../lib/system/inspect/inspect.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTree } from '../../lib/system/restore/restore.ts';
import { inside } from '../support/inside.ts';
import { arrivalsOf, BOTH_ENGINES, bindTo, slaveOf } from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { expectUnmet } from '../support/refusal.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';

/** A host with two filesystems, one of them shared, and a container that is made on it. */
class Host implements Disposable {
  readonly #scratch = new ScratchMount();
  readonly disk = this.#scratch.tmpfs('disk');
  readonly other = this.#scratch.tmpfs('other');
  readonly container = this.#scratch.tmpfs('container', 'mode=755');

  constructor() {
    for (const name of ['a/deep', 'b', 'new']) mkdirSync(join(this.disk, name), { recursive: true });
    for (const name of ['a/file', 'f']) writeFileSync(join(this.disk, name), name);
    sys.makeShared(this.disk);
  }

  in(path: string): string {
    return join(this.container, path);
  }

  /** Binds a path of the host in the container, as a file when it is one. */
  bind(from: string, to: string, file = false): void {
    if (file) writeFileSync(this.in(to), '');
    else mkdirSync(this.in(to));
    sys.bind(from, this.in(to));
  }

  /** The container's tree, as a process in it would see it. */
  capture(): MountTree {
    const tree = captureTree();
    return tree.subtree(tree.at(this.container) as Mount);
  }

  [Symbol.dispose](): void {
    this.#scratch[Symbol.dispose]();
  }
}

/** The options with all that the host's table proposes, until it proposes nothing more. */
function acceptAll(tree: MountTree, options: RestoreOptions): RestoreOptions {
  const proposals = proposeOptions(tree, options, inspectHost(tree, options));
  if (proposals.length === 0) return options;
  const answers = (wanted: Proposal['option']) =>
    Object.fromEntries(
      proposals.filter(({ option }) => option === wanted).map(({ target, source }) => [target, source]),
    );
  return acceptAll(tree, {
    ...options,
    external: { ...options.external, ...answers('external') },
    slaves: { ...options.slaves, ...answers('slaves') },
  });
}

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('mounts that the host supplies: %s', (engine) => {
  expectNoLeakedFds();

  test('one, by hand: refused without, and with it the host’s own files', async () => {
    using host = new Host();
    host.bind(`${host.other}`, 'whole');
    mkdirSync(join(host.other, 'part'));
    writeFileSync(join(host.other, 'part/file'), 'of the host');
    host.bind(`${host.other}/part`, 'part');
    sys.umount(host.in('whole'));
    const captured = host.capture();
    await expectUnmet(captured, { engine }, [['external', '/part']]);
    using restored = await restoreTree(captured, { engine, external: { '/part': `${host.other}/part` } });
    expect(restored.differences).toEqual([]);
    const read = () => readFileSync('/part/file', 'utf8');
    expect(inside(restored.namespace as MountNamespace, read)).toBe('of the host');
  });

  test('several, of one filesystem and of two: one answer supplies what lies below it', async () => {
    using host = new Host();
    host.bind(`${host.disk}/a`, 'a');
    host.bind(`${host.disk}/a/deep`, 'deep');
    host.bind(`${host.disk}/a/file`, 'file', true);
    host.bind(`${host.disk}/b`, 'b');
    host.bind(host.other, 'other');
    for (const path of ['a', 'deep', 'file', 'b']) sys.makePrivate(host.in(path));
    const captured = host.capture();
    await expectUnmet(captured, { engine }, [
      ['external', '/a'],
      ['external', '/b'],
    ]);
    const external = { '/a': `${host.disk}/a`, '/b': `${host.disk}/b`, '/other': host.other };
    using restored = await restoreTree(captured, { engine, external });
    expect(restored.differences).toEqual([]);
    expect(restored.tree.at('/deep')?.device).toBe(captured.at('/a')?.device);
    expect(restored.tree.at('/file')?.kind).toBe('file');
  });

  test('shared among themselves, and with nobody outside', async () => {
    using host = new Host();
    host.bind(`${host.disk}/a`, 'one');
    sys.makePrivate(host.in('one'));
    sys.makeShared(host.in('one'));
    bindTo(host.in('one'), host.in('two'));
    slaveOf(host.in('two'), host.in('follower'));
    const captured = host.capture();
    const table = mountTable();
    using restored = await restoreTree(captured, { engine, external: { '/one': `${host.disk}/a` } });
    expect(restored.differences).toEqual([]);
    const copy = restored.namespace as MountNamespace;
    expect(arrivalsOf('/one/deep', copy, [copy])).toEqual([['/follower/deep', '/one/deep', '/two/deep']]);
    // The host's own mounts of it hear nothing.
    expect(mountTable()).toBe(table);
  });

  test('slaves of the host’s, which pass on to peers and slaves inside', async () => {
    using host = new Host();
    host.bind(host.disk, 'd');
    sys.makeSlave(host.in('d'));
    sys.makeShared(host.in('d'));
    bindTo(host.in('d/a'), host.in('part'));
    slaveOf(host.in('d'), host.in('below'));
    const captured = host.capture();
    await expectUnmet(captured, { engine, external: { '/d': host.disk } }, [['master', '/d']]);
    const options: RestoreOptions = { external: { '/d': host.disk }, slaves: { '/d': true } };
    using restored = await restoreTree(captured, { ...options, engine });
    expect(restored.differences).toEqual([]);
    sys.mount('from the host', `${host.disk}/a/deep`, { type: 'tmpfs' });
    const copy = (restored.namespace as MountNamespace).capture();
    const arrived = copy.mounts.filter(({ source }) => source === 'from the host');
    expect(arrived.map(({ mountPoint }) => mountPoint).sort()).toEqual([
      '/below/a/deep',
      '/d/a/deep',
      '/part/deep',
    ]);
    // And nothing goes back.
    const before = mountTable();
    inside(restored.namespace as MountNamespace, () => sys.mount('inside', '/d/new', { type: 'tmpfs' }));
    expect(mountTable()).toBe(before);
  });

  test('peers of the host’s are in a group of their own again, as masters of what follows inside', async () => {
    using host = new Host();
    host.bind(host.disk, 'd');
    slaveOf(host.in('d'), host.in('follower'));
    const captured = host.capture();
    expect(captured.at('/d')?.propagation.shared).toBeGreaterThan(0);
    using restored = await restoreTree(captured, { engine, external: { '/d': host.disk } });
    expect(restored.differences).toEqual([]);
    const copy = restored.namespace as MountNamespace;
    const table = mountTable();
    expect(arrivalsOf('/d/new', copy, [copy])).toEqual([['/d/new', '/follower/new']]);
    expect(mountTable()).toBe(table);
  });

  test('a device file, and a single file, on files', async () => {
    using host = new Host();
    host.bind('/dev/null', 'null', true);
    host.bind(`${host.disk}/f`, 'config', true);
    for (const path of ['null', 'config']) sys.makePrivate(host.in(path));
    sys.remount(host.in('config'), ['RDONLY', 'RELATIME']);
    const captured = host.capture();
    const external = { '/null': '/dev/null', '/config': `${host.disk}/f` };
    await expectUnmet(captured, { engine }, [
      ['external', '/null'],
      ['external', '/config'],
    ]);
    using restored = await restoreTree(captured, { engine, external });
    expect(restored.differences).toEqual([]);
    inside(restored.namespace as MountNamespace, () => {
      writeFileSync('/null', 'goes nowhere');
      expect(readFileSync('/config', 'utf8')).toBe('f');
      expect(() => writeFileSync('/config', '')).toThrow('EROFS');
    });
  });

  test('as the host’s table proposes them, one answer after the other, with what they follow', async () => {
    using host = new Host();
    mkdirSync(join(host.other, 'part'));
    writeFileSync(join(host.other, 'part/file'), 'of the host');
    host.bind(`${host.other}/part`, 'part');
    host.bind(`${host.disk}/f`, 'config', true);
    sys.makePrivate(host.in('config'));
    slaveOf(`${host.disk}/a`, host.in('follower'));
    sys.makeShared(host.in('follower'));
    bindTo(host.in('follower'), host.in('peer'));
    const captured = host.capture();
    await expect(restoreTree(captured, { engine })).rejects.toThrow(UnmetRequirementsError);
    const options = acceptAll(captured, { engine });
    expect(options).toMatchObject({
      external: { '/part': `${host.other}/part`, '/config': `${host.disk}/f` },
      slaves: { '/follower': `${host.disk}/a` },
    });
    using restored = await restoreTree(captured, options);
    expect(restored.differences).toEqual([]);
    const copy = restored.namespace as MountNamespace;
    const read = () => ['/part/file', '/config'].map((path) => readFileSync(path, 'utf8'));
    expect(inside(copy, read)).toEqual(['of the host', 'f']);
    sys.mount('from the host', `${host.disk}/a/deep`, { type: 'tmpfs' });
    const arrived = copy.capture().mounts.filter(({ source }) => source === 'from the host');
    expect(arrived.map(({ mountPoint }) => mountPoint).sort()).toEqual(['/follower/deep', '/peer/deep']);
    sys.umount(`${host.disk}/a/deep`);
    // What is mounted inside goes to the peer, and not to the host.
    const table = mountTable();
    expect(arrivalsOf('/follower/deep', copy, [copy])).toEqual([['/follower/deep', '/peer/deep']]);
    expect(mountTable()).toBe(table);
  });

  test('the root itself, with other mounts of the container on it', async () => {
    using host = new Host();
    for (const name of ['etc', 'run']) mkdirSync(host.in(name));
    writeFileSync(host.in('etc/name'), 'container');
    sys.mount('run', host.in('run'), { type: 'tmpfs' });
    bindTo(host.in('etc'), host.in('run/etc'));
    using restored = await restoreTree(host.capture(), { engine, root: host.container });
    expect(restored.differences).toEqual([]);
    const read = () => readFileSync('/run/etc/name', 'utf8');
    expect(inside(restored.namespace as MountNamespace, read)).toBe('container');
  });
});
