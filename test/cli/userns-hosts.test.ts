import { mkdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { makePrivate, makeShared } from '../../lib/sys.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';
import { AS_NOBODY } from '../support/unprivileged.ts';
import { mountyardAs, type Outcome } from './mountyard.ts';

const UNSHARE_USER = ['unshare', '-U', '-r', '--'] as const;
const UNSHARE_BOTH = ['unshare', '-U', '-r', '-m', '--'] as const;
/** The copy follows the mounts that it was made of, where these are shared. */
const FOLLOWING = ['unshare', '-U', '-r', '-m', '--propagation', 'unchanged', '--'] as const;

const ROOT = '1 0 0:1 / / rw,relatime - tmpfs root rw\n';
const SLAVE = `${ROOT}2 1 8:1 / /a rw,relatime master:7 - ext4 /dev/vda rw\n`;
const PLAIN = `${ROOT}2 1 8:1 / /a ro,relatime - ext4 /dev/vda rw\n`;
const PART = '3 1 8:1 /sub /b rw,relatime - ext4 /dev/vda rw\n';

/** A host path of an ordinary user's machine. */
class Host extends ScratchMount {
  readonly disk = this.tmpfs('disk', 'mode=755');

  constructor(sharing: (path: string) => void) {
    super();
    mkdirSync(`${this.disk}/sub`);
    sharing(this.disk);
  }
}

function restore(words: readonly string[], table: string, ...options: readonly string[]): Outcome {
  return mountyardAs([...AS_NOBODY, ...words], ['restore', '-', ...options], table);
}

const DONE = { status: 0, err: '', out: expect.stringContaining('Read back: the same tree.') };

describe.skipIf(!isMachineRoot)('mounts of the host, for an ordinary user', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['by itself, --userns', [], ['--userns']],
    ['under unshare -Ur, --userns', UNSHARE_USER, ['--userns']],
    ['under unshare -Urm', UNSHARE_BOTH, []],
    ['under unshare -Urm, --userns', UNSHARE_BOTH, ['--userns']],
  ])('supply mounts and parts of them: %s', (_, words, how) => {
    using host = new Host(makePrivate);
    const before = mountTable();
    for (const engine of ['detached', 'yard']) {
      const options = [...how, '--engine', engine, '--external', `/a=${host.disk}`];
      expect(restore(words, PLAIN + PART, ...options)).toEqual(DONE);
    }
    expect(mountTable()).toBe(before);
  });

  test('under unshare -Ur the mounts are another’s, and that is said', () => {
    using host = new Host(makePrivate);
    const { status, err } = restore(UNSHARE_USER, PLAIN, '--external', `/a=${host.disk}`);
    expect(status).toBe(3);
    expect(err).toContain('CAP_SYS_ADMIN over the mount namespace is missing');
    expect(err).toContain('--userns');
  });

  test.each<[string, readonly string[]]>([
    ['by itself', []],
    ['under unshare -Ur', UNSHARE_USER],
  ])('a shared one is followed into a new user namespace: %s', (_, words) => {
    using host = new Host(makeShared);
    const options = ['--userns', '--external', `/a=${host.disk}`, '--slave', '/a'];
    expect(restore(words, SLAVE + PART, ...options)).toEqual(DONE);
  });

  test('a private one is not, and no option makes it so', () => {
    using host = new Host(makePrivate);
    const options = ['--userns', '--external', `/a=${host.disk}`, '--slave', '/a'];
    const alone = restore(UNSHARE_USER, SLAVE, ...options);
    expect(alone.status).toBe(3);
    expect(alone.err).toContain(
      `the mount there (${host.disk}) is in no peer group and so has nothing to pass on`,
    );
    const shared = restore(UNSHARE_USER, SLAVE, ...options, '--share-sources');
    expect(shared.status).toBe(3);
    expect(shared.err).toContain('is private, and a user namespace can make no mount of the host shared');
    expect(shared.err).toContain(`mount --make-shared ${host.disk}`);
    expect(restore(UNSHARE_USER, SLAVE, ...options.slice(0, 3), '--ignore-host-propagation')).toEqual(DONE);
  });

  test.each<[string, readonly string[], (path: string) => void]>([
    ['private, as unshare makes all', UNSHARE_BOTH, makeShared],
    ['a slave of the host’s', FOLLOWING, makeShared],
    ['as private as on the host', FOLLOWING, makePrivate],
  ])('under unshare -Urm the copy that it follows is its own: %s', (_, words, sharing) => {
    using host = new Host(sharing);
    const before = mountTable();
    const options = ['--external', `/a=${host.disk}`, '--slave', '/a'];
    const refused = restore(words, SLAVE, ...options);
    expect(refused.status).toBe(3);
    expect(refused.err).toContain('is in no peer group and so has nothing to pass on');
    expect(refused.err).toContain('--share-sources');
    expect(restore(words, SLAVE + PART, ...options, '--share-sources')).toEqual({
      ...DONE,
      out: expect.stringMatching(/Read back: the same tree[\s\S]*share-source/),
    });
    expect(mountTable()).toBe(before);
  });

  test('what cannot be made there names the host’s', () => {
    const table = `${ROOT}2 1 0:2 / /sys rw,relatime - sysfs sysfs rw\n`;
    const { status, err } = restore(UNSHARE_BOTH, table);
    expect(status).toBe(3);
    expect(err).toContain('--external /sys=/sys --recursive /sys');
  });
});
