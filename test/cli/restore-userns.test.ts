import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { remount } from '../../lib/sys.ts';
import { commandFiles, install } from '../support/commands.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';
import { AS_NOBODY } from '../support/unprivileged.ts';
import { MAIN, type Outcome, SMALL } from './mountyard.ts';

const UNSHARE_USER = ['unshare', '-U', '-r', '-m', '--'] as const;
const LIBRARY = new URL('../../dist/index.js', import.meta.url).href;

function run(words: readonly string[], input = ''): Outcome {
  const [file = '', ...args] = words;
  const { status, stdout, stderr } = spawnSync(file, args, { input, encoding: 'utf8', timeout: 15_000 });
  return { status, out: stdout, err: stderr };
}

const node = (...args: readonly string[]) => [process.execPath, ...args];
const restore = (...args: readonly string[]) => node(MAIN, 'restore', ...args);

/** What a caller of the library would write. */
const SCRIPT = `
import { readFileSync } from 'node:fs';
import { parseMountinfo, restoreTreeSync } from ${JSON.stringify(LIBRARY)};
const table = () => readFileSync('/proc/self/mountinfo', 'utf8');
const before = table();
const restored = restoreTreeSync(parseMountinfo(${JSON.stringify(SMALL)}));
console.log(JSON.stringify({
  differences: restored.differences, size: restored.tree.size, uid: process.getuid(), same: table() === before,
}));
restored.release();`;
const script = node('--input-type=module', '--eval', SCRIPT);

describe.skipIf(!isMachineRoot)('without privilege', () => {
  test('a tree of tmpfs is restored in a new user namespace', () => {
    const { status, out, err } = run([...AS_NOBODY, ...restore('-', '--userns')], SMALL);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toContain('Read back: the same tree.');
  });

  test('and inside unshare -Urm like anywhere else', () => {
    const { status, out, err } = run([...AS_NOBODY, ...UNSHARE_USER, ...restore('-')], SMALL);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toContain('Read back: the same tree.');
  });

  test('COMMAND runs with uid 0 in it, from a directory of the host', () => {
    using host = new ScratchMount();
    const rootfs = host.tmpfs('rootfs', 'mode=755');
    install(rootfs, commandFiles('/bin/sh', '/usr/bin/id'));
    mkdirSync(`${rootfs}/data`);
    const table = SMALL.replace(' - tmpfs none rw\n', ' - ext4 /dev/vda rw\n');
    const before = mountTable();
    const command = ['--', '/bin/sh', '-c', '/usr/bin/id -u; echo in > /data/x || exit 6'];
    const { status, out, err } = run(
      [...AS_NOBODY, ...UNSHARE_USER, ...restore('-', '--root', rootfs, ...command)],
      table,
    );
    expect({ status, out }).toEqual({ status: 6, out: '0\n' });
    expect(err).toContain('Read-only file system'); // as /data is mounted
    expect(mountTable()).toBe(before);
  });

  test.each<[string, readonly string[]]>([
    ['by itself', []],
    ['under unshare -Ur', ['unshare', '-U', '-r', '--']],
    ['under unshare -Urm', UNSHARE_USER],
  ])('a directory of the host is the root in a new user namespace: %s', (_, words) => {
    using host = new ScratchMount();
    const rootfs = host.tmpfs('rootfs', 'mode=755');
    install(rootfs, commandFiles('/bin/sh', '/usr/bin/id'));
    mkdirSync(`${rootfs}/data`);
    const table = SMALL.replace(' - tmpfs none rw\n', ' - ext4 /dev/vda rw\n');
    const before = mountTable();
    for (const engine of ['detached', 'yard']) {
      const options = ['--userns', '--engine', engine, '--root', rootfs];
      const command = ['--', '/bin/sh', '-c', '/usr/bin/id -u; exit 7'];
      const outcome = run([...AS_NOBODY, ...words, ...restore('-', ...options, ...command)], table);
      expect(outcome).toEqual({ status: 7, out: '0\n', err: '' });
    }
    expect(mountTable()).toBe(before);
  });

  test('a flag of the host that is locked there is refused with 3', () => {
    using host = new ScratchMount();
    const rootfs = host.tmpfs('rootfs', 'mode=755');
    mkdirSync(`${rootfs}/data`);
    remount(rootfs, ['NOEXEC', 'RELATIME']);
    const table = SMALL.replace(' - tmpfs none rw\n', ' - ext4 /dev/vda rw\n');
    const { status, err } = run([...AS_NOBODY, ...restore('-', '--userns', '--root', rootfs)], table);
    expect({ status, err }).toEqual({ status: 3, err: expect.stringContaining('which keeps noexec in') });
  });

  test('else it is refused with 3, and both ways are named', () => {
    const { status, out, err } = run([...AS_NOBODY, ...restore('-')], SMALL);
    expect({ status, out }).toEqual({ status: 3, out: '' });
    expect(err).toMatch(/^mountyard: 1 requirement not met\n/);
    expect(err).toContain('--userns');
    expect(err).toContain('unshare -Urm ');
    expect(err).not.toMatch(/^ {4}at /m);
  });

  test('proc is refused with 3, and what takes its place is named', () => {
    const { status, out, err } = run(
      [...AS_NOBODY, ...restore('-', '--userns')],
      '1 0 0:1 / / rw - tmpfs root rw\n2 1 0:2 / /proc rw - proc proc rw\n',
    );
    expect({ status, out }).toEqual({ status: 3, out: '' });
    expect(err).toContain('a new pid namespace');
    expect(err).toContain('--stand-in /proc');
  });
});

test.skipIf(!isMachineRoot)('verify reads owners as that user namespace does', () => {
  using host = new ScratchMount();
  const pin = host.at('pin');
  const maps = ['--userns-map', 'u:0:1000:10,g:0:1000:10'];
  expect(run(restore('-', ...maps, '--pin', pin), SMALL)).toMatchObject({ status: 0, err: '' });
  const verify = node(MAIN, 'verify', '-', ...maps, '--ns', pin);
  expect(run(verify, SMALL)).toMatchObject({ status: 0, err: '' });
});

/** Restores, captures that, and restores what was captured. */
const AGAIN = `
import { formatSnapshot, parseMountinfo, parseSnapshot, requirements, restoreTreeSync, verifyTree, inspectHost } from ${JSON.stringify(LIBRARY)};
const first = restoreTreeSync(parseMountinfo(${JSON.stringify(SMALL)}));
const captured = first.namespace.capture();
const [tree] = parseSnapshot(formatSnapshot({ namespaces: [captured] })).namespaces;
const second = restoreTreeSync(tree);
const foreign = tree.map((mount) => ({ ...mount, superOptions: mount.superOptions + ',uid=5' }));
console.log(JSON.stringify({
  options: captured.mounts.map(({ superOptions }) => superOptions),
  nodes: captured.mounts.flatMap(({ rootNode, placeNode }) => [rootNode, placeNode].filter(Boolean)),
  differences: [...first.differences, ...second.differences,
    ...verifyTree(second.target, second.namespace.capture()), ...verifyTree(captured, second.tree)],
  refused: requirements(foreign, {}, inspectHost(foreign)).map(({ reason, cures }) => [reason, cures[0].cli]),
}));
first.release();
second.release();`;

test.skipIf(!isMachineRoot)(
  'what was captured in a user namespace is restored there, with its owners',
  () => {
    const words = [...AS_NOBODY, ...UNSHARE_USER, ...node('--input-type=module', '--eval', AGAIN)];
    const { status, out, err } = run(words);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(JSON.parse(out)).toEqual({
      options: ['rw', 'rw,size=64k'],
      nodes: [],
      differences: [],
      refused: [
        [
          expect.stringMatching(/ at \/ is a tmpfs that belongs to uid 5, which is not mapped/),
          expect.any(String),
        ],
        [
          expect.stringMatching(/ at \/data is a tmpfs that belongs to uid 5, which is not mapped/),
          expect.any(String),
        ],
      ],
    });
  },
);

describe.skipIf(!isMachineRoot)('restoreTreeSync in a plain script', () => {
  test.each<[string, readonly string[], number]>([
    ['as it is', [], 0],
    ['under unshare -m', ['unshare', '-m', '--'], 0],
    ['under unshare -Urm, as another user', [...AS_NOBODY, ...UNSHARE_USER], 0],
  ])('%s', (_, words, uid) => {
    const { status, out, err } = run([...words, ...script]);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(JSON.parse(out)).toEqual({ differences: [], size: 2, uid, same: true });
  });
});
