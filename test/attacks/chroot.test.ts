import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import * as sys from '../../lib/sys.ts';
import { statOpen } from '../../lib/system/calls/lookup.ts';
import { native } from '../../lib/system/calls/native.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { pinNamespace } from '../../lib/system/namespaces/pin.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { commandFiles, install, outcomeOf } from '../support/commands.ts';
import { inside } from '../support/inside.ts';
import { BOTH_ENGINES } from '../support/live.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';

const TREE = parseMountinfo(`1 0 0:1 / / rw,relatime - tmpfs root rw
2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw
3 1 0:2 /gone//deleted /b rw,relatime - tmpfs disk rw
`);

/** Runs `work` on this thread with another root directory, as a daemon in a chroot would live. */
async function chrooted<T>(root: string, work: () => Promise<T> | T): Promise<T> {
  using own = sys.openat2('/', { flags: ['PATH', 'DIRECTORY'] });
  const cwd = process.cwd();
  const must = (answer: number) => expect(answer).toBe(0);
  sys.unshare(['FS']);
  process.chdir(root);
  must(native.sys.chroot(Buffer.from('.')));
  try {
    return await work();
  } finally {
    must(native.sys.fchdir(own.number));
    must(native.sys.chroot(Buffer.from('.')));
    process.chdir(cwd);
  }
}

/** A jail with a proc and a shell, and beside it what is not for those who live in it. */
class Jail implements Disposable {
  readonly #scratch = new ScratchMount();
  readonly path: string;

  constructor(kind: 'a plain directory' | 'a mount') {
    this.path =
      kind === 'a mount' ? this.#scratch.tmpfs('jail', 'mode=755') : this.#scratch.directory('jail');
    for (const name of ['proc', 'at']) mkdirSync(join(this.path, name));
    install(this.path, commandFiles('/bin/sh', '/bin/ls'));
    sys.mount('proc', join(this.path, 'proc'), { type: 'proc' });
    writeFileSync(this.#scratch.at('secret'), 'of the host');
  }

  [Symbol.dispose](): void {
    this.#scratch[Symbol.dispose]();
  }
}

describe.skipIf(!isMachineRoot).each(['a plain directory', 'a mount'] as const)(
  'a caller that is chrooted into %s',
  (kind) => {
    describe.each(BOTH_ENGINES)('%s', (engine) => {
      test('gets a namespace of which the tree is all', async () => {
        using jail = new Jail(kind);
        const before = mountTable();
        const restored = await chrooted(jail.path, () => restoreTree(TREE, { engine }));
        expect(restored.differences).toEqual([]);
        const namespace = restored.namespace as MountNamespace;
        expect(namespace.capture().size).toBe(3);
        expect(inside(namespace, () => readdirSync('/').sort())).toEqual(['a', 'b']);
        restored.release();
        expect(mountTable()).toBe(before);
      });

      test('has a tree attached in its chroot, and nowhere else', async () => {
        using jail = new Jail(kind);
        const before = mountTable();
        const restored = await chrooted(jail.path, () => restoreTree(TREE, { engine, into: { at: '/at' } }));
        expect(restored.differences).toEqual([]);
        const at = join(jail.path, 'at');
        const found = captureTree().mounts.filter(({ mountPoint }) => mountPoint.startsWith(at));
        expect(found.map(({ mountPoint }) => mountPoint)).toEqual([at, join(at, 'a'), join(at, 'b')]);
        await chrooted(jail.path, () => restored.release());
        expect(mountTable()).toBe(before);
      });

      test('a source too long for fsconfig changes nothing of that', async () => {
        using jail = new Jail(kind);
        const long = parseMountinfo(`1 0 0:1 / / rw,relatime - tmpfs ${'x'.repeat(300)} rw\n`);
        const restored = await chrooted(jail.path, () => restoreTreeSync(long, { engine }));
        expect(restored.differences).toEqual([]);
        expect(restored.namespace?.capture().size).toBe(1);
        restored.release();
      });
    });

    test('gets a copy of its namespace that is all private, in which commands see no more than it does', async () => {
      using jail = new Jail(kind);
      sys.makeShared(jail.path.replace(/\/jail$/, ''));
      using namespace = await chrooted(jail.path, () => MountNamespace.create());
      sys.makePrivate(jail.path.replace(/\/jail$/, ''));
      expect(namespace.capture().groups.size).toBe(0);
      const { out } = await outcomeOf(namespace.spawn('/bin/ls', ['/']));
      expect(out.split('\n')).toContain('at');
      expect(out).not.toContain('secret');
      expect(existsSync(join(jail.path, '../secret'))).toBe(true);
      const listOf = async (held: MountNamespace) => (await outcomeOf(held.spawn('/bin/ls', ['/']))).out;
      using again = namespace.share();
      expect(await listOf(again)).toBe(out);
    });

    test('has its commands see the tree alone that a root was replaced by', async () => {
      using jail = new Jail(kind);
      using namespace = await chrooted(jail.path, () => MountNamespace.create());
      expect(namespace.spawnSync('/bin/ls').status).toBe(0);
      using restored = namespace.restoreSync(TREE);
      expect(restored.differences).toEqual([]);
      expect(namespace.spawnSync('/bin/ls').status).toBe(127);
    });

    test('has its commands see no more after the namespace was pinned by a copy of it', async () => {
      using jail = new Jail(kind);
      using own = MountNamespace.current();
      using root = sys.openat2(jail.path, { flags: ['PATH', 'DIRECTORY'] });
      const path = join(jail.path, '../pin');
      const { report, copy } = await pinNamespace({ fd: own.fd, root }, path);
      expect(report.copied).toBe(true);
      if (!copy?.root) throw new Error('the copy lacks its root');
      expect(captureTree({ fd: copy.fd }).get(Number(statOpen(copy.root).mountId))).toBeDefined();
      using pinned = new MountNamespace(copy.fd, { root: copy.root });
      const listed = pinned.spawnSync('/bin/ls', ['/'], { encoding: 'utf8' }).stdout.split('\n');
      expect(listed).toContain('at');
      expect(listed).not.toContain('secret');
      MountNamespace.unpin(path);
    });
  },
);
