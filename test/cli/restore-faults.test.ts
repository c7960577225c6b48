import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LXC_TABLE, LxcHost } from '../support/lxc-host.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';
import { MAIN, mountyard, type Outcome } from './mountyard.ts';

/** A host with two private sources to share and a mount point to make: all that a restore changes outside. */
function hostToChange(engine: 'detached' | 'yard') {
  const host = new LxcHost({ engine, leavePrivate: ['debugfs', 'disk'] });
  rmSync(join(host.rootfs, 'sys'), { recursive: true });
  return host;
}

const granted = (host: LxcHost) => [LXC_TABLE, ...host.words, '--share-sources', '--make-mount-points'];

/** Runs the restore while strace(1) makes one call fail; it counts the calls of each thread by itself. */
function withFault(args: readonly string[], call: string, when: number, errno: string): Outcome {
  const inject = `inject=${call}:error=${errno}:when=${when}`;
  const strace = ['-f', '--seccomp-bpf', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject];
  const command = [process.execPath, MAIN, 'restore', ...args];
  const { status, stdout, stderr } = spawnSync('strace', [...strace, ...command], {
    encoding: 'utf8',
    timeout: 15_000,
  });
  return { status, out: stdout, err: stderr };
}

/** How often the restore makes a call, in its own thread. */
function countOf(args: readonly string[], call: string): number {
  const { status, out } = mountyard(['plan', ...args, '--format', 'listing']);
  expect(status).toBe(0);
  const [calls = ''] = out.split('on failure');
  return calls.split('\n').filter((line) => line.startsWith(`${call}(`)).length;
}

describe.skipIf(!isMachineRoot).each(['detached', 'yard'] as const)(
  'a call that fails takes everything back: %s',
  (engine) => {
    test.each([
      'mkdirat',
      'mknodat',
      'symlinkat',
      'fsconfig',
      'fsmount',
      // The detached engine makes it no oftener here than a trial does, which would be what fails: see below.
      ...(engine === 'yard' ? ['open_tree'] : []),
      'mount_setattr',
      'move_mount',
      'mount',
      'fchdir',
      'pivot_root',
      'umount2',
    ])('the last %s', (call) => {
      using host = hostToChange(engine);
      const when = countOf(granted(host), call);
      expect(when).toBeGreaterThan(0);
      const before = { table: mountTable(), rootfs: readdirSync(host.rootfs) };
      const { status, out, err } = withFault(granted(host), call, when, 'EIO');
      expect(err).toMatch(new RegExp(`^mountyard: .*${call}\\(.*\\) = EIO \\(`));
      expect(err).not.toContain('could not be taken back');
      expect(err).not.toMatch(/^ {4}at /m);
      expect({ status, out }).toEqual({ status: 4, out: '' });
      expect({ table: mountTable(), rootfs: readdirSync(host.rootfs) }).toEqual(before);
    });

    test('and without a fault it is done', () => {
      using host = hostToChange(engine);
      const { status, out, err } = mountyard(['restore', ...granted(host)]);
      expect({ status, err }).toEqual({ status: 0, err: '' });
      expect(out).toContain(`${host.rootfs}/sys`);
    });
  },
);

test.skipIf(!isMachineRoot)('a clone that fails takes everything back: detached', () => {
  using scratch = new ScratchMount();
  const file = scratch.at('table');
  const binds = Array.from(
    { length: 12 },
    (_, index) => `${index + 3} 1 0:2 /${index} /b${index} rw,relatime - tmpfs disk rw\n`,
  );
  writeFileSync(
    file,
    `1 0 0:1 / / rw,relatime - tmpfs root rw\n2 1 0:2 / /a rw,relatime - tmpfs disk rw\n${binds.join('')}`,
  );
  const args = [file, '--engine', 'detached'];
  const when = countOf(args, 'open_tree');
  expect(when).toBeGreaterThanOrEqual(binds.length);
  const before = mountTable();
  const { status, out, err } = withFault(args, 'open_tree', when, 'EIO');
  expect(err).toMatch(/^mountyard: .*open_tree\(.*\) = EIO \(/);
  expect(err).not.toContain('could not be taken back');
  expect({ status, out }).toEqual({ status: 4, out: '' });
  expect(mountTable()).toBe(before);
});
