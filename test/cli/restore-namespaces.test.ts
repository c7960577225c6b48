import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatSnapshot, MountNamespace, parseMountinfo } from '../../lib/index.ts';
import { arrivalsOf } from '../support/live.ts';
import { isRoot } from '../support/privilege.ts';
import { MAIN, mountyard, scratch, scratchFile } from './mountyard.ts';

/** Two namespaces of the same filesystems: peers, and a slave of the other's root. */
const TWO = [
  '1 0 0:1 / / rw,relatime shared:1 - tmpfs root rw\n2 1 0:2 / /a rw,relatime shared:2 - tmpfs a rw\n',
  '11 0 0:1 / / rw,relatime master:1 - tmpfs root rw\n12 11 0:2 / /a ro,relatime shared:2 - tmpfs a rw\n',
];
const two = scratchFile('two.json', formatSnapshot({ namespaces: TWO.map((text) => parseMountinfo(text)) }));

describe.skipIf(!isRoot)('a snapshot of several namespaces', () => {
  test('is held in as many, which share what they shared, until standard input closes', async () => {
    const child = spawn(process.execPath, [MAIN, 'restore', two, '--hold'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const [line] = await once(child.stdout, 'data');
    const held = JSON.parse(String(line));
    expect(held).toEqual({
      pid: child.pid,
      namespace: held.namespaces[0],
      namespaces: [expect.any(String), expect.any(String)],
      mounts: 4,
      differences: [],
    });
    {
      using first = MountNamespace.open(held.namespaces[0]);
      using second = MountNamespace.open(held.namespaces[1]);
      const both = [first, second];
      expect(both.map((namespace) => namespace.capture().at('/a')?.options[0])).toEqual(['rw', 'ro']);
      expect(arrivalsOf('/a/x', first, both)).toEqual([['/a/x'], ['/a/x']]);
      expect(arrivalsOf('/y', second, both)).toEqual([[], ['/y']]);
    }
    child.stdin.end();
    expect((await ended)[0]).toBe(0);
    for (const path of held.namespaces) expect(existsSync(path)).toBe(false);
  });

  test('is rehearsed as a whole', () => {
    const { status, out } = mountyard(['restore', two, '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ mounts: 4, differences: [] });
  });

  test('is planned as a whole', () => {
    const { status, out } = mountyard(['plan', two, '--format', 'listing']);
    expect(status).toBe(0);
    expect(out.match(/^pivot_root/gm)).toHaveLength(2);
  });

  test.each<[string, string[], RegExp]>([
    ['pinned', ['restore', two, '--pin', scratch('pin')], /--pin keeps one namespace/],
    ['attached', ['restore', two, '--at', '/'], /one mount tree/],
    ['shown', ['show', two], /2 mount namespaces/],
    ['looked for', ['restore', two, '--auto'], /--auto looks for one namespace/],
  ])('cannot be %s as one', (_, args, message) => {
    const { status, err } = mountyard(args);
    expect({ status, err }).toEqual({ status: 2, err: expect.stringMatching(message) });
  });
});
