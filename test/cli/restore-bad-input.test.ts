import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BAD_INPUT } from '../support/bad-input.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable } from '../support/scratch-mount.ts';
import { LXC, MAIN, mountyard, scratch, scratchFile } from './mountyard.ts';

describe('a snapshot that no namespace can hold exits with 2 and one message', () => {
  test.each(BAD_INPUT)('%s', (_, input, message) => {
    const before = mountTable();
    const { status, out, err } = mountyard(
      ['restore', '-', '--stand-in', 'all', '--ignore-host-propagation'],
      input,
    );
    expect(err).toMatch(message);
    expect(err.match(/^mountyard: /gm), err).toHaveLength(1);
    expect(err).not.toMatch(/^ {4}at /m);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(mountTable()).toBe(before);
  });
});

describe.skipIf(!isMachineRoot)('what the host does not give exits with 3, and nothing has changed', () => {
  const table = scratchFile(
    'rooted.mountinfo',
    '1 0 0:1 / / rw - ext4 /dev/vda rw\n2 1 0:2 / /data/deep rw - tmpfs data rw\n',
  );
  const folder = (name: string) => {
    mkdirSync(scratch(name));
    return scratch(name);
  };

  test.each<[string, () => string[], RegExp]>([
    ['no options', () => [], /--root DIR/],
    ['a root that does not exist', () => ['--root', scratch('absent')], /absent.*ENOENT/],
    ['a root that is a file', () => ['--root', scratchFile('plain', '')], /plain/],
    [
      'a root without the mount point',
      () => ['--root', folder('bare')],
      /bare\/data\/deep.*\n +--make-mount-points/,
    ],
  ])('%s', (_, words, message) => {
    const options = words();
    const before = mountTable();
    const { status, out, err } = mountyard(['restore', table, ...options]);
    expect(err).toMatch(message);
    expect(err.match(/^mountyard: /gm), err).toHaveLength(1);
    expect(err).not.toMatch(/^ {4}at /m);
    expect({ status, out }).toEqual({ status: 3, out: '' });
    expect(mountTable()).toBe(before);
  });

  test('--make-mount-points creates what is missing, and says so', () => {
    const root = folder('made');
    const { status, out, err } = mountyard(['restore', table, '--root', root, '--make-mount-points']);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toContain(`${root}/data/deep`);
    expect(readdirSync(root, { recursive: true }).sort()).toEqual(['data', 'data/deep']);
  });

  test('a failed call exits with 4, and what was created is gone', () => {
    const root = folder('undone');
    const before = mountTable();
    const args = ['restore', table, '--root', root, '--make-mount-points'];
    const strace = ['-f', '-qq', '-o', '/dev/null', '-e', 'inject=pivot_root:error=EIO'];
    const { status, stdout, stderr } = spawnSync('strace', [...strace, process.execPath, MAIN, ...args], {
      encoding: 'utf8',
      timeout: 15_000,
    });
    expect(stderr).toMatch(/^mountyard: .*pivot_root\(.*\) = EIO /);
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect({ status, out: stdout }).toEqual({ status: 4, out: '' });
    expect(readdirSync(root)).toEqual([]);
    expect(mountTable()).toBe(before);
  });

  test('a snapshot that is no file at all exits with 2', () => {
    expect(mountyard(['restore', scratch('no-such-table')])).toMatchObject({ status: 2, out: '' });
    expect(mountyard(['restore', LXC, '--skip', '/'])).toMatchObject({ status: 2, out: '' });
  });
});
