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
function restoreLocked(table: string, options: readonly string[]) {
  const words = ['unshare', '-U', '-r', '-m', '--', process.execPath, MAIN, 'restore', '-', ...options];
  const [file, ...args] = [...AS_NOBODY, ...words] as [string, ...string[]];
  return spawnSync(file, args, { input: table, encoding: 'utf8', timeout: 15_000 });
}

describe.skipIf(!isMachineRoot)('in a user namespace', () => {
  test.each(LOCKED)(
    'a mount that the host made %s does not become otherwise, and the error says why',
    (flag) => {
      using scratch = new ScratchMount();
      const source = scratch.tmpfs('source');
      sys.mountSetattr(source, { set: [ATTRIBUTES[flag]] });
      const before = mountTable();
      const { status, stderr } = restoreLocked(tableOf('rw'), ['--external', `/a=${source}`]);
      expect(status).toBe(4);
      expect(stderr).toContain('mount 2 (tmpfs) at /a');
      expect(stderr).toMatch(/mount_setattr\(.*attr_clr=.*\) = EPERM/);
      expect(stderr).toContain('that came from a more privileged user namespace cannot be cleared');
      expect(mountTable()).toBe(before);
    },
  );

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

  test('what a locked mount covers is not shown: the error names the lock', () => {
    using scratch = new ScratchMount();
    const source = scratch.tmpfs('source');
    writeFileSync(join(source, 'file'), '');
    mkdirSync(join(source, 'secret'));
    writeFileSync(join(source, 'secret/key'), 'of the host');
    scratch.tmpfs('source/secret');
    const before = mountTable();
    const { status, stderr } = restoreLocked(tableOf('rw'), ['--external', `/a=${source}`]);
    expect(status).toBe(4);
    expect(stderr).toContain('mount 2 (tmpfs) at /a');
    expect(stderr).toMatch(/open_tree\(.*\) = EINVAL/);
    expect(stderr).toContain('mounts that a user namespace has locked');
    expect(mountTable()).toBe(before);
  });
});
