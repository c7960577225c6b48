import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as sys from '../../lib/sys.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';
import { AS_NOBODY } from '../support/unprivileged.ts';
import { MAIN } from './mountyard.ts';

const LOCKED = ['ro', 'nosuid', 'nodev', 'noexec'] as const;
const ATTRIBUTES = { ro: 'RDONLY', nosuid: 'NOSUID', nodev: 'NODEV', noexec: 'NOEXEC' } as const;
const ROOT = '1 0 0:1 / / rw,relatime - tmpfs root rw\n';
const tableOf = (options: string) => `${ROOT}2 1 8:2 / /a ${options},relatime - ext4 /dev/sdb1 rw\n`;

/** Restores in a user namespace that copied this one's mounts, and so has them locked. */
function restoreLocked(table: string, options: readonly string[], before: readonly string[] = []) {
  const words = [
    'unshare',
    '-U',
    '-r',
    '-m',
    '--',
    ...before,
    process.execPath,
    MAIN,
    'restore',
    '-',
    ...options,
  ];
  const [file, ...args] = [...AS_NOBODY, ...words] as [string, ...string[]];
  return spawnSync(file, args, { input: table, encoding: 'utf8', timeout: 15_000 });
}

describe.skipIf(!isMachineRoot)('in a user namespace', () => {
  test.each(LOCKED)(
    'a mount that the host made %s cannot become otherwise, and that is said before',
    (flag) => {
      using scratch = new ScratchMount();
      const source = scratch.tmpfs('source');
      sys.mountSetattr(source, { set: [ATTRIBUTES[flag]] });
      const before = mountTable();
      const { status, stderr } = restoreLocked(tableOf('rw'), ['--external', `/a=${source}`]);
      expect(status).toBe(3);
      expect(stderr).toContain(`lies on ${source}, which keeps ${flag} in a user namespace`);
      expect(stderr).toMatch(/mount -o remount,bind,rw,relatime .*before the user namespace is made/);
      expect(mountTable()).toBe(before);
    },
  );

  test('nor has it another atime mode', () => {
    using scratch = new ScratchMount();
    const source = scratch.tmpfs('source');
    const noatime = tableOf('rw').replace('rw,relatime - ext4', 'rw,noatime - ext4');
    const { status, stderr } = restoreLocked(noatime, ['--external', `/a=${source}`]);
    expect(status).toBe(3);
    expect(stderr).toContain('keeps its atime mode (relatime, where the tree has noatime)');
  });

  test('nor a map, which the filesystem of another user namespace takes from nobody here', () => {
    using scratch = new ScratchMount();
    const options = ['--external', `/a=${scratch.tmpfs('source')}`, '--idmap', '/a=b:0:0:1'];
    const { status, stderr } = restoreLocked(tableOf('rw'), options);
    expect(status).toBe(3);
    expect(stderr).toContain('gives no map to a filesystem of the host');
  });

  test('what was mounted there since is not locked', () => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    const { status, stdout, stderr } = restoreLocked(
      tableOf('rw,noexec').replace('noexec,relatime', 'noexec,noatime'),
      ['--external', `/a=${at}`],
      ['sh', '-c', `mount -t tmpfs -o ro,nosuid own '${at}' && exec "$@"`, 'sh'],
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('the same tree');
  });

  test('with the flags that are locked it is restored, and keeps them', () => {
    using scratch = new ScratchMount();
    const source = scratch.tmpfs('source');
    sys.mountSetattr(source, { set: LOCKED.map((flag) => ATTRIBUTES[flag]) });
    const { status, stderr, stdout } = restoreLocked(tableOf(LOCKED.join(',')), [
      '--external',
      `/a=${source}`,
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('the same tree');
  });

  test('what a locked mount covers is not shown: it is named, and comes along when it may', () => {
    using scratch = new ScratchMount();
    const source = scratch.tmpfs('source');
    writeFileSync(join(source, 'file'), '');
    mkdirSync(join(source, 'secret'));
    writeFileSync(join(source, 'secret/key'), 'of the host');
    scratch.tmpfs('source/secret');
    const before = mountTable();
    const { status, stderr } = restoreLocked(tableOf('rw'), ['--external', `/a=${source}`]);
    expect(status).toBe(3);
    expect(stderr).toContain(`${join(source, 'secret')} is locked there`);
    expect(stderr).toContain('--recursive /a');
    const along = restoreLocked(tableOf('rw'), ['--external', `/a=${source}`, '--recursive', '/a']);
    expect({ status: along.status, stderr: along.stderr }).toEqual({ status: 0, stderr: '' });
    expect(along.stdout).toMatch(/brought along by a recursive bind: .* \/a\/secret/);
    expect(mountTable()).toBe(before);
  });
});
