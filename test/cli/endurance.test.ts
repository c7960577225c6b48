import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isMachineRoot } from '../support/privilege.ts';

const ROOT = join(import.meta.dirname, '../..');
const node = (...args: string[]) =>
  spawnSync(process.execPath, ['--require', './test/preload.cjs', '--expose-gc', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });

describe.skipIf(!isMachineRoot)('a process', () => {
  test('that restored 400 times, in every way, holds as many fds, threads and mounts as after 100', () => {
    const rounds = 4;
    const { status, stdout, stderr } = node(
      'tools/endurance.mjs',
      '--restores',
      '400',
      '--rounds',
      String(rounds),
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const rows = stdout
      .trim()
      .split('\n')
      .slice(1, rounds + 1);
    const held = rows.map((row) => row.trim().split(/ +/).slice(-3).map(Number));
    expect(rows.at(-1)).toMatch(/^ *400 /);
    expect(new Set(held.map(String)).size).toBe(1);
  }, 120_000);

  test('that forgets namespaces gets their fds back, and is warned once', () => {
    const script = `
      import { readdirSync, readlinkSync } from 'node:fs';
      import { MountNamespace } from 'mountyard';
      const held = () => readdirSync('/proc/self/fd').flatMap((fd) => {
        try { return [readlinkSync('/proc/self/fd/' + fd)]; } catch { return []; }
      }).filter((file) => file.startsWith('mnt:')).length;
      const before = held();
      for (let i = 0; i < 5; i += 1) MountNamespace.create();
      const most = held();
      for (let tries = 0; held() > before && tries < 100; tries += 1) {
        globalThis.gc();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      console.log(JSON.stringify({ made: most - before, left: held() - before }));`;
    const { status, stdout, stderr } = node('--input-type=module', '--eval', script);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ made: 5, left: 0 });
    expect(stderr.match(/MOUNTYARD_FD_FORGOTTEN/g)).toHaveLength(1);
    expect(stderr).toContain('was closed by garbage collection; call close() or use `using`');
  });
});
