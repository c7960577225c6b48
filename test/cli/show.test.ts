import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { LXC, MAIN, mountyard, SMALL, scratch, scratchFile } from './mountyard.ts';

const table = readFileSync(LXC, 'utf8');

describe('show', () => {
  test('draws a table, from a file or standard input', async () => {
    const shown = mountyard(['show', LXC, '--relative']);
    expect({ status: shown.status, err: shown.err }).toEqual({ status: 0, err: '' });
    await expect(shown.out.trimEnd()).toMatchFileSnapshot('../unit/render/lxc-vivid.txt');
    expect(mountyard(['show', '-', '--relative'], table).out).toBe(shown.out);
  });

  test('prints snapshot JSON that is the same tree', () => {
    const json = mountyard(['show', LXC, '--json']).out;
    expect(JSON.parse(json)).toMatchObject({ format: 'mountyard-snapshot', version: 1 });
    expect(mountyard(['diff', LXC, '-'], json)).toEqual({ status: 0, out: 'no differences\n', err: '' });
  });

  test('draws the namespace of the caller, and of a process', () => {
    const own = mountyard(['show']);
    expect(own.status).toBe(0);
    expect(own.out).toMatch(/^MOUNT POINT .*\n\/ /);
    expect(mountyard(['show', '--pid', String(process.pid)]).out).toBe(own.out);
  });

  test('prints nothing raw to the terminal', () => {
    const { out } = mountyard(['show', '-'], '1 0 0:1 / /\u001b[2J\u202e rw - tmpfs \u0007 rw\n');
    expect(out).toContain(String.raw`/\033[2J\342\200\256`);
    for (const raw of ['\u001b', '\u0007', '\u202e']) expect(out).not.toContain(raw);
  });

  test('ends quietly when nobody reads on', () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => `${i + 2} 1 0:9 / /${i} rw - tmpfs none rw\n`);
    const long = scratchFile('long.mountinfo', SMALL + rows.slice(1).join(''));
    const script = 'set -o pipefail; "$0" "$1" show "$2" | head -n 1; echo $?';
    const { stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, MAIN, long], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^MOUNT POINT.*\n0\n$/);
  });
});

describe('capture', () => {
  test('writes mountinfo as the kernel prints it', () => {
    const { status, out } = mountyard(['capture', '--format', 'mountinfo', '--pid', String(process.pid)]);
    expect(status).toBe(0);
    expect(out).toBe(readFileSync('/proc/self/mountinfo', 'utf8'));
  });

  test('writes snapshot JSON to a file', () => {
    const file = scratch('own.json');
    expect(mountyard(['capture', '--output', file])).toEqual({ status: 0, out: '', err: '' });
    expect(mountyard(['diff', file, '-'], readFileSync('/proc/self/mountinfo'))).toMatchObject({ status: 0 });
  });
});

describe('diff', () => {
  test('exits with 1 and says what differs', () => {
    const changed = table.replace(' /run/lock rw,', ' /run/lock ro,').replace(/^50 .*\n/m, '');
    const { status, out, err } = mountyard(['diff', LXC, '-'], changed);
    expect({ status, err }).toEqual({ status: 1, err: '' });
    expect(out).toMatch(/^~ {2}\/run\/lock +#48 +attributes/m);
    expect(out).toMatch(/^- {2}\/run\/user +#50 +missing/m);
    expect(out.trimEnd().split('\n')).toHaveLength(2);
  });

  test('prints JSON for machines', () => {
    const { status, out } = mountyard(
      ['diff', LXC, '-', '--json'],
      table.replace(' /run/lock rw,', ' /run/lock ro,'),
    );
    expect(status).toBe(1);
    expect(JSON.parse(out)).toMatchObject([{ kind: 'attributes', mount: { id: 48 } }]);
  });
});

describe('doctor', () => {
  test('names the engine that a restore takes', () => {
    const { status, out, err } = mountyard(['doctor']);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/^Linux .*\n/);
    expect(out).toContain('\nEngines\n');
  });

  test('prints JSON for machines', () => {
    expect(JSON.parse(mountyard(['doctor', '--json']).out)).toMatchObject({
      privileges: { uid: process.getuid?.() },
    });
  });
});
