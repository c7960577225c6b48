import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { LXC_TABLE, LxcHost, lxcTree } from '../support/lxc-host.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable } from '../support/scratch-mount.ts';
import { AS_NOBODY } from '../support/unprivileged.ts';
import { MAIN, mountyard, type Outcome } from './mountyard.ts';

/** Runs the command after other words: as another user, or under strace(1). */
function mountyardAfter(words: readonly string[], args: readonly string[]): Outcome {
  const [file = '', ...before] = words;
  const { status, stdout, stderr } = spawnSync(file, [...before, process.execPath, MAIN, ...args], {
    input: '',
    encoding: 'utf8',
    timeout: 15_000,
  });
  return { status, out: stdout, err: stderr };
}

describe.skipIf(!isMachineRoot)('COMMAND in a restored LXC container', () => {
  test('finds the default devices, a proc of its own and nothing of the host', () => {
    using host = new LxcHost();
    const script = `
      test -c /dev/null && echo lost > /dev/null
      test -c /dev/urandom && test -L /dev/stdin && test -d /proc/self && test -d /dev/pts && echo devices
      test -e ${host.rootfs} || echo no host
      while read line; do echo mount; done < /proc/self/mountinfo`;
    const { status, out, err } = mountyard([
      'restore',
      LXC_TABLE,
      ...host.words,
      '--',
      '/bin/sh',
      '-c',
      script,
    ]);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out.split('\n')).toEqual(['devices', 'no host', ...new Array(20).fill('mount'), '']);
  });

  test.each([0, 1, 7, 125, 255])('gives its exit status %i', (wanted) => {
    using host = new LxcHost();
    const args = ['restore', LXC_TABLE, ...host.words, '--', '/bin/sh', '-c', `exit ${wanted}`];
    expect(mountyard(args)).toEqual({ status: wanted, out: '', err: '' });
  });

  test('leaves nothing behind', () => {
    using host = new LxcHost();
    const before = mountTable();
    expect(mountyard(['restore', LXC_TABLE, ...host.words, '--', '/bin/sh', '-c', ':']).status).toBe(0);
    expect(mountTable()).toBe(before);
  });
});

describe.skipIf(!isMachineRoot)('plan for an LXC container', () => {
  const planned = (host: LxcHost, format: string) =>
    mountyardAfter(AS_NOBODY, ['plan', LXC_TABLE, ...host.words, '--format', format]);

  test('is made without privilege, as text', () => {
    using host = new LxcHost();
    const { status, out, err } = planned(host, 'text');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    for (const { mountPoint } of lxcTree().mounts) {
      expect(out, mountPoint).toContain(mountPoint);
    }
  });

  test('is made without privilege, as calls', () => {
    using host = new LxcHost();
    const { status, out, err } = planned(host, 'listing');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toContain('pivot_root(".", ".")');
    expect(out).toContain('MOVE_MOUNT_SET_GROUP');
  });

  test('is made without privilege, as JSON', () => {
    using host = new LxcHost();
    const { status, out, err } = planned(host, 'json');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    const plan = JSON.parse(out);
    expect(plan.hostEffects).toEqual([]);
    expect(plan.steps.filter(({ kind }: { kind: string }) => kind === 'place')).toHaveLength(19);
  });

  test('tells beforehand which host mounts would be shared', () => {
    using host = new LxcHost({ leavePrivate: ['debugfs'] });
    const { status, out } = mountyard([
      'plan',
      LXC_TABLE,
      ...host.words,
      '--share-sources',
      '--format',
      'json',
    ]);
    expect(status).toBe(0);
    expect(JSON.parse(out).hostEffects).toMatchObject([
      { kind: 'share-source', path: host.windows.debugfs, undone: true },
    ]);
    expect(captureTree().at(host.windows.debugfs)?.propagation).toEqual({ unbindable: false });
  });
});

describe.skipIf(!isMachineRoot)('a restore that fails after it shared a host mount', () => {
  const INJECTED = ['pivot_root:error=ENOMEM', 'umount2:error=ENOMEM:when=1'];

  test.each(INJECTED)('makes it private again, when %s comes', (fault) => {
    using host = new LxcHost({ leavePrivate: ['debugfs', 'disk'] });
    const before = mountTable();
    const strace = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `inject=${fault}`];
    const { status, out, err } = mountyardAfter(strace, [
      'restore',
      LXC_TABLE,
      ...host.words,
      '--share-sources',
    ]);
    expect({ status, out }).toEqual({ status: 4, out: '' });
    expect(err).toMatch(/^mountyard: .* = ENOMEM /);
    expect(err).not.toMatch(/^ {4}at /m);
    expect(mountTable()).toBe(before);
  });
});
