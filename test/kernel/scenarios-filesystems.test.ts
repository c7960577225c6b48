import { spawn } from 'node:child_process';
import { closeSync, lstatSync, mkdirSync, openSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTree } from '../../lib/system/restore/restore.ts';
import { commandFiles, install } from '../support/commands.ts';
import { inside } from '../support/inside.ts';
import { BOTH_ENGINES, bindTo, directory, LiveNamespace, mountTmpfs, restoreSame } from '../support/live.ts';
import { bindFile, makeNode, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK } from '../support/nodes.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { expectUnmet } from '../support/refusal.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

const DEVICES: readonly [name: string, major: number, minor: number][] = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
];
const device = (major: number, minor: number) => BigInt(major * 256 + minor);

/** Mounts an autofs that asks nobody: a FIFO stands for its daemon, in whose process group this process is. */
function mountAutofs(path: string, fifo: string): void {
  makeNode(fifo, S_IFIFO | 0o600);
  const pipe = openSync(fifo, 'r+');
  const group = /^.*\) \S+ \d+ (\d+)/.exec(readFileSync('/proc/self/stat', 'utf8'))?.[1];
  mkdirSync(path);
  const options = `fd=${pipe},pgrp=${group},minproto=5,maxproto=5,indirect`;
  sys.mount('systemd-1', path, { type: 'autofs', options });
  closeSync(pipe);
}

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)(
  'what containers have mounted comes back: %s',
  (engine) => {
    expectNoLeakedFds();

    test.each(['binfmt_misc', 'tracefs', 'mqueue', 'fusectl', 'securityfs'])(
      'a window onto the machine, mounted twice and bound: %s',
      async (type) => {
        using live = new LiveNamespace(() => {
          for (const path of ['/one', '/two']) {
            directory(path);
            sys.mount(path.slice(1), path, { type });
          }
          sys.makeShared('/one');
          bindTo('/one', '/peer');
          sys.remount('/two', ['RDONLY', 'NOSUID', 'NODEV', 'NOEXEC', 'RELATIME']);
        });
        const captured = live.capture();
        expect(captured.superblocks.size).toBe(2);
        using restored = await restoreSame(captured, engine);
        // It is the machine's one still.
        expect(restored.tree.at('/one')?.device).toBe(captured.at('/one')?.device);
      },
    );

    test('a devpts of its own, with its ptmx on a file and on the name in a /dev', async () => {
      using live = new LiveNamespace(() => {
        mountTmpfs('/dev', 'mode=755');
        directory('/dev/pts');
        sys.mount('devpts', '/dev/pts', {
          type: 'devpts',
          options: 'newinstance,mode=620,ptmxmode=666,gid=5',
        });
        bindFile('/dev/pts/ptmx', '/dev/ptmx');
        bindFile('/dev/pts/ptmx', '/console');
      });
      const captured = live.capture();
      expect(captured.at('/dev/ptmx')).toMatchObject({ root: '/ptmx', type: 'devpts', kind: 'file' });
      using restored = await restoreSame(captured, engine);
      const device = restored.tree.at('/dev/pts')?.device;
      expect(device).not.toBe(captured.at('/dev/pts')?.device);
      expect(restored.tree.at('/console')?.device).toBe(device);
    });

    test('the default devices of a container, each bound from a tmpfs onto a file', async () => {
      using live = new LiveNamespace(() => {
        mountTmpfs('/dev', 'mode=755');
        directory('/jail');
        for (const [name, major, minor] of DEVICES) {
          makeNode(`/dev/${name}`, S_IFCHR | 0o666, device(major, minor));
          bindFile(`/dev/${name}`, `/jail/${name}`);
        }
      });
      using restored = await restoreSame(live.capture(), engine);
      const modes = () => DEVICES.map(([name]) => lstatSync(`/jail/${name}`));
      for (const [i, status] of inside(restored.namespace as MountNamespace, modes).entries()) {
        const [, major, minor] = DEVICES[i] as (typeof DEVICES)[number];
        expect({ type: status.mode & 0o170000, device: BigInt(status.rdev) }).toEqual({
          type: S_IFCHR,
          device: device(major, minor),
        });
      }
    });

    test.each([
      ['a block device', S_IFBLK, 7, 0],
      ['the memory of the machine', S_IFCHR, 1, 1],
      ['a block device with the number of a default device', S_IFBLK, 1, 3],
    ] as const)(
      'no other device: %s is refused, with what takes its place',
      async (_, type, major, minor) => {
        using live = new LiveNamespace(() => {
          mountTmpfs('/dev', 'mode=755');
          makeNode('/dev/node', type | 0o600, device(major, minor));
          bindFile('/dev/node', '/here');
        });
        const captured = live.capture();
        const [refused] = await expectUnmet(captured, { engine }, [['device-nodes', '/here']]);
        expect(refused?.cures.map(({ option }) => option)).toEqual(['external', 'standIn', 'skip']);
        using skipped = await restoreTree(captured, { engine, skip: ['/here'] });
        expect(skipped.differences).toEqual([]);
        using standIn = await restoreTree(captured, { engine, standIn: ['/dev'] });
        expect(standIn.differences).toEqual([]);
      },
    );

    test('sockets and FIFOs: shared, read-only, deleted, and on one another', async () => {
      using live = new LiveNamespace(() => {
        mountTmpfs('/run');
        for (const name of ['socket', 'gone-socket']) makeNode(`/run/${name}`, S_IFSOCK | 0o660);
        for (const name of ['fifo', 'gone-fifo']) makeNode(`/run/${name}`, S_IFIFO | 0o622);
        for (const name of ['socket', 'gone-socket', 'fifo', 'gone-fifo'])
          bindFile(`/run/${name}`, `/${name}`);
        sys.makeShared('/socket');
        bindFile('/socket', '/peer');
        sys.bind('/run/socket', '/fifo');
        sys.remount('/fifo', ['RDONLY', 'RELATIME']);
        for (const name of ['gone-socket', 'gone-fifo']) unlinkSync(`/run/${name}`);
      });
      const captured = live.capture();
      expect(captured.at('/gone-fifo')).toMatchObject({ deleted: true, rootNode: { kind: 'fifo' } });
      using restored = await restoreSame(captured, engine);
      const kinds = () =>
        ['/socket', '/peer', '/fifo', '/gone-socket', '/gone-fifo'].map((path) => lstatSync(path).mode);
      const expected = live.do(kinds);
      expect(expected.map((mode) => mode & 0o170000)).toEqual([...[0, 1, 2, 3].map(() => S_IFSOCK), S_IFIFO]);
      expect(inside(restored.namespace as MountNamespace, kinds)).toEqual(expected);
    });

    test('an autofs, which only the host has: refused with its cures; a stand-in takes its place', async () => {
      using scratch = new ScratchMount();
      const base = scratch.tmpfs('base', 'mode=755');
      mountAutofs(join(base, 'auto'), join(scratch.path, 'fifo'));
      const own = captureTree();
      const top = own.at(base);
      if (!top) throw new Error(`nothing at ${base}`);
      const captured = own.subtree(top);
      expect(captured.at('/auto')?.type).toBe('autofs');
      const [refused] = await expectUnmet(captured, { engine }, [['external', '/auto']]);
      expect(refused?.cures.map(({ cli }) => cli)).toEqual([
        '--external /auto=SOURCE',
        '--stand-in /auto',
        '--skip /auto',
      ]);
      for (const options of [
        { standIn: ['/auto'] },
        { standIn: 'all' },
        { skip: ['/auto'] },
        { external: { '/auto': join(base, 'auto') } },
      ] as const) {
        using restored = await restoreTree(captured, { ...options, engine });
        expect(restored.differences).toEqual([]);
        expect(restored.tree.at('/auto')?.type).toBe(
          'skip' in options ? undefined : 'external' in options ? 'autofs' : 'tmpfs',
        );
      }
    });

    test('the table of a task that was chrooted into a plain directory, onto that directory', async () => {
      using scratch = new ScratchMount();
      const jail = scratch.directory('jail');
      for (const name of ['tmp', 'data', 'proc']) mkdirSync(join(jail, name));
      install(jail, commandFiles('/usr/bin/sh', '/usr/bin/sleep'));
      sys.mount('tmp', join(jail, 'tmp'), { type: 'tmpfs' });
      mkdirSync(join(jail, 'tmp/in'));
      sys.mount('data', join(jail, 'data'), { type: 'tmpfs' });
      sys.bind(join(jail, 'data'), join(jail, 'tmp/in'));
      const task = spawn('chroot', [jail, '/usr/bin/sh', '-c', 'echo in; exec sleep 60'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const closed = new Promise((resolve) => task.once('close', resolve));
      try {
        await new Promise((resolve) => task.stdout.once('data', resolve));
        const captured = captureTree({ pid: task.pid as number });
        expect(captured.isForest).toBe(true);
        expect(captured.mounts.map(({ mountPoint }) => mountPoint).sort()).toEqual([
          '/data',
          '/tmp',
          '/tmp/in',
        ]);
        await expectUnmet(captured, { engine }, [['root', '/']]);
        using restored = await restoreTree(captured, { engine, root: jail });
        expect(restored.differences).toEqual([]);
        expect(restored.tree.size).toBe(4);
        expect(restored.tree.at('/tmp/in')?.source).toBe('data');
      } finally {
        task.kill('SIGKILL');
        await closed;
      }
    });
  },
);
