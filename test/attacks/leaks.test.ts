import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { AT_FDCWD, O } from '../../lib/flags.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { listProgram } from '../../lib/program/listing.ts';
import * as sys from '../../lib/sys.ts';
import { native } from '../../lib/system/calls/native.ts';
import { inspectHostHolding } from '../../lib/system/inspect/inspect.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTree } from '../../lib/system/restore/restore.ts';
import { commandFiles, install, outcomeOf } from '../support/commands.ts';
import { BOTH_ENGINES } from '../support/live.ts';
import { expectNoLeakedFds, openFds } from '../support/open-fds.ts';
import { plannedTables } from '../support/planned.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

const TABLE = `1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw
2 1 0:2 / /proc rw,relatime - proc proc rw
`;

/** An fd as a careless library leaves it open: not close-on-exec. */
function careless(path: string): number {
  const fd = native.sys.openat2(AT_FDCWD, Buffer.from(path), BigInt(O.PATH | O.DIRECTORY), 0n, 0n);
  expect(fd).toBeGreaterThan(2);
  return fd;
}

describe.skipIf(!isMachineRoot)('a command in a namespace (CVE-2024-21626)', () => {
  expectNoLeakedFds();

  async function run(
    command: readonly string[],
    cwdOf: (leaked: readonly number[]) => string | undefined = () => undefined,
  ) {
    using scratch = new ScratchMount();
    const rootfs = scratch.directory('rootfs');
    install(rootfs, commandFiles('/bin/sh', '/bin/ls', '/bin/pwd'));
    scratch.directory('rootfs/proc');
    using restored = await restoreTree(parseMountinfo(TABLE), { root: rootfs });
    const leaked = Array.from({ length: 8 }, () => careless('/'));
    try {
      const [file = '', ...args] = command;
      const cwd = cwdOf(leaked);
      const child = (restored.namespace as MountNamespace).spawn(
        file,
        args,
        cwd === undefined ? {} : { cwd },
      );
      return await outcomeOf(child);
    } finally {
      for (const fd of leaked) native.sys.close(fd);
    }
  }

  test('has no fd of the host, even where this process left some for children', async () => {
    const { status, out } = await run(['/bin/ls', '/proc/self/fd']);
    expect(status).toBe(0);
    expect(out.trim().split('\n')).toEqual(['0', '1', '2', '3']); // the last is the directory that ls reads
  });

  test('starts in no directory of the host, whatever fd its working directory names', async () => {
    const outside = { status: 125, out: '' };
    for (const index of [0, 3, 7]) {
      const cwd = (leaked: readonly number[]) => `/proc/self/fd/${leaked[index]}`;
      expect(await run(['/bin/pwd', '-P'], cwd)).toEqual(outside);
      expect(await run(['/bin/pwd', '-P'], (leaked) => `${cwd(leaked)}/../../tmp`)).toEqual(outside);
    }
    for (let fd = 0; fd < 8; fd += 1)
      expect(await run(['/bin/pwd', '-P'], () => `/proc/self/fd/${fd}`)).toEqual(outside);
  });

  test.each(['/proc/1/root', '/proc/1/cwd', `/proc/${process.pid}/root/tmp`, `/proc/${process.pid}/cwd`])(
    'nor where a magic link, %s, leads out of its root',
    async (cwd) => {
      expect(await run(['/bin/pwd', '-P'], () => cwd)).toEqual({ status: 125, out: '' });
    },
  );

  test('and in one of its own it does', async () => {
    expect(await run(['/bin/pwd', '-P'], () => '/proc/self/root/bin/../proc')).toMatchObject({
      out: '/proc\n',
    });
  });
});

describe.skipIf(!isMachineRoot)('every fd is close-on-exec', () => {
  const flagsOf = (fd: string) => {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
    return Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(text)?.[1] ?? '', 8);
  };

  test('that the library holds', async () => {
    using scratch = new ScratchMount();
    const source = scratch.directory('source');
    const at = scratch.directory('at');
    const before = new Set(openFds());
    const tree = parseMountinfo(TABLE.replace('- ext4 /dev/sda1', '- tmpfs x'));
    using _attached = await restoreTree(tree, { into: { at } });
    using _made = await restoreTree(tree, { engine: 'yard' });
    using _own = MountNamespace.current();
    using _copy = MountNamespace.create();
    using _file = sys.openTree(source, ['CLONE']);
    const { held } = inspectHostHolding(parseMountinfo(TABLE), { root: source });
    using _held = held;
    const holding = openFds().filter((fd) => !before.has(fd));
    expect(holding.length).toBeGreaterThan(8);
    const open = holding.filter((fd) => (flagsOf(fd.split(' ')[0] as string) & O.CLOEXEC) === 0);
    expect(open).toEqual([]);
  });

  test.each(BOTH_ENGINES)('that a program opens: %s', (engine) => {
    let opened = 0;
    for (const program of plannedTables(engine)) {
      const listing = listProgram(program);
      const lines = listing.filter((line) => / = \d+</.test(line));
      opened += lines.length;
      expect(lines.filter((line) => !/CLOEXEC/.test(line))).toEqual([]);
    }
    expect(opened).toBeGreaterThan(200);
  });
});
