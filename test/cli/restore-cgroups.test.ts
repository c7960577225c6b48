import { spawnSync } from 'node:child_process';
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test, vi } from 'vitest';
import type { Mount } from '../../lib/model/mount.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { isMachineRoot } from '../support/privilege.ts';

const LIBRARY = new URL('../../dist/index.js', import.meta.url).href;
const SCRIPT = fileURLToPath(new URL('../support/cgroup-restore.mjs', import.meta.url));

/** A cgroup of the machine, with another in it; both go again. */
class Cgroup implements AsyncDisposable {
  readonly path: string;

  constructor({ mountPoint }: Mount) {
    this.path = join(mountPoint, `mountyard-${process.pid}`);
    mkdirSync(join(this.path, 'inner'), { recursive: true });
  }

  /** Runs the script as a process that lives in it. */
  run(values: { readonly options: object; readonly host?: object }) {
    const enter = 'echo $$ >"$0" && exec "$@"';
    const words = ['-c', enter, join(this.path, 'cgroup.procs'), process.execPath, SCRIPT];
    const env = { ...process.env, LIBRARY, CASE: JSON.stringify(values) };
    const { stdout, stderr } = spawnSync('sh', words, { encoding: 'utf8', env, timeout: 15_000 });
    expect(stderr).toBe('');
    return JSON.parse(stdout);
  }

  /** Processes that have just ended leave it a moment later. */
  async [Symbol.asyncDispose](): Promise<void> {
    rmdirSync(join(this.path, 'inner'));
    await vi.waitFor(() => rmdirSync(this.path));
  }
}

/** The whole cgroup2 of the machine, where a cgroup can be made in it; else why not. */
async function usableCgroup2(): Promise<Mount | string> {
  const shown = captureTree().mounts.find(
    ({ type, root, mountPoint }) => type === 'cgroup2' && root === '/' && captureTree().at(mountPoint),
  );
  if (!isMachineRoot) return 'it takes root';
  if (!shown) return 'no whole cgroup2 is mounted here';
  try {
    await using _cgroup = new Cgroup(shown);
    return shown;
  } catch (error) {
    return String(error);
  }
}

const cgroup2 = await usableCgroup2();
const isSkipped = typeof cgroup2 === 'string';

describe.skipIf(isSkipped)(`a caller in a cgroup below the root${isSkipped ? ` (${cgroup2})` : ''}`, () => {
  test.each<[string, object]>([
    ['as root', {}],
    ['in a user namespace', { userNamespace: 'self' }],
    ['by the yard engine', { engine: 'yard' }],
  ])('has a cgroup2 of its own, with its own cgroup as the root: %s', async (_, options) => {
    await using cgroup = new Cgroup(cgroup2 as Mount);
    expect(cgroup.run({ options })).toEqual({
      own: expect.stringMatching(/^\/mountyard-\d+$/),
      differences: [],
      roots: ['/', '/inner'],
      later: [],
    });
  });

  test('and sees that of the host from there', async () => {
    await using cgroup = new Cgroup(cgroup2 as Mount);
    const { mountPoint: path, options } = cgroup2 as Mount;
    const { differences, roots, later } = cgroup.run({ options: {}, host: { path, flags: options.join() } });
    expect({ differences, roots, later }).toEqual({
      differences: [],
      roots: ['/', '/inner', '/..'],
      later: [],
    });
  });
});
