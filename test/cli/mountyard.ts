import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
export const LXC = fileURLToPath(new URL('../tables/lxc-vivid.mountinfo', import.meta.url));

export interface Outcome {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command to its end. */
export function mountyard(args: readonly string[], input: string | Uint8Array = ''): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    input,
    encoding: 'utf8',
  });
  return { status, out: stdout, err: stderr };
}

/** The same, in other words than Node's alone: as another user, under unshare(1). */
export function mountyardAs(words: readonly string[], args: readonly string[], input: string): Outcome {
  const [file = '', ...rest] = [...words, process.execPath, MAIN, ...args];
  const { status, stdout, stderr } = spawnSync(file, rest, { input, encoding: 'utf8', timeout: 15_000 });
  return { status, out: stdout, err: stderr };
}

const folder = mkdtempSync(join(tmpdir(), 'mountyard-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A path in a folder that goes when the test file ends. */
export function scratch(name: string): string {
  return join(folder, name);
}

/** A file there. */
export function scratchFile(name: string, content: string | Uint8Array): string {
  const path = scratch(name);
  writeFileSync(path, content);
  return path;
}

/** Two tmpfs, one on the other: a tree that any machine can make. */
export const SMALL = `1 0 0:1 / / rw,relatime - tmpfs none rw
2 1 0:2 / /data ro,nosuid,relatime - tmpfs data rw,size=64k
`;
