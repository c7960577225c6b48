import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { MountError } from '../../lib/errors.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';
import { AS_NOBODY } from '../support/unprivileged.ts';
import { children, expectUnchanged, stateOf } from './state.ts';

const LIBRARY = new URL('../../dist/index.js', import.meta.url).href;

const TREE = parseMountinfo(
  '1 0 0:1 / / rw,relatime - tmpfs root rw\n' +
    '2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw\n3 1 0:2 / /b rw,relatime master:1 - tmpfs disk rw\n',
);
const ON_DISK = parseMountinfo(
  '1 0 0:1 / / rw,relatime - ext4 /dev/sda1 rw\n2 1 0:2 / /missing rw,relatime - tmpfs t rw\n',
);

function refusalOf(work: () => unknown): MountError {
  try {
    work();
  } catch (error) {
    if (error instanceof MountError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe.skipIf(!isMachineRoot)('a limit that is reached is named, and nothing changes', () => {
  // 100,000 mounts take a while.
  test('fs.mount-max', { timeout: 600_000 }, () => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    const full = scratch.tmpfs('full');
    const doublings = 17;
    for (const side of ['a', 'b']) {
      for (let power = 0; power < doublings; power += 1) mkdirSync(join(full, `${side}${power}`));
    }
    const bind = (from: string, to: string) => {
      try {
        sys.bind(from, join(full, to), { recursive: true });
      } catch (error) {
        if ((error as MountError).code !== 'ENOSPC') throw error;
      }
    };
    for (let power = 0; power < doublings; power += 1) bind(full, `a${power}`);
    for (let power = doublings - 1; power >= 0; power -= 1) bind(join(full, `a${power}`), `b${power}`);
    const before = captureTree().size;
    const { code, syscall, hint } = refusalOf(() => restoreTreeSync(TREE, { into: { at } }));
    expect({ code, syscall, hint }).toEqual({
      code: 'ENOSPC',
      syscall: 'move_mount',
      hint: expect.stringContaining('fs.mount-max'),
    });
    expect(captureTree().size).toBe(before);
  });

  test.each<readonly [string, (at: string) => void, string]>([
    ['a restore', (at) => restoreTreeSync(TREE, { into: { at } }).release(), 'openat2'],
    ['what keeps namespaces', () => MountNamespace.create({ newNamespaces: ['net'] }).close(), 'spawn'],
  ])('RLIMIT_NOFILE, of %s', async (_, run, call) => {
    using scratch = new ScratchMount();
    const at = scratch.directory('at');
    run(at);
    await vi.waitFor(() => expect(children()).toEqual([]));
    const before = stateOf(scratch.path);
    limitFiles('512:');
    try {
      const outcomes = new Set<string>();
      for (let free = 0; free < 24; free += 1) {
        outcomes.add(outcomeWith(free, () => run(at)));
        await vi.waitFor(() => expect(children()).toEqual([])); // Node reaps them when it comes to it
        await expectUnchanged(before, scratch.path);
      }
      const refusals = [...outcomes].filter((outcome) => outcome !== 'done');
      expect(outcomes).toContain('done');
      expect(refusals).toContain(`${call} = EMFILE`);
      for (const refused of refusals) expect(refused).toMatch(/^\w+ = EMFILE$/);
    } finally {
      limitFiles('4096:');
    }
  });

  test('RLIMIT_NOFILE, of a capture, which is whole or refused', () => {
    using scratch = new ScratchMount();
    for (let i = 0; i < 20; i += 1) {
      scratch.tmpfs(`m${i}`);
      mkdirSync(scratch.at(`m${i}/spot`), { mode: 0o700 });
      sys.mount('spot', scratch.at(`m${i}/spot`), { type: 'tmpfs' });
    }
    const whole = captureTree();
    expect(whole.at(scratch.at('m19/spot'))?.placeNode?.mode).toBe(0o700);
    limitFiles('512:');
    try {
      const outcomes = new Set<string>();
      for (let free = 0; free < 32; free += 1) {
        outcomes.add(outcomeWith(free, () => expect(captureTree().mounts).toEqual(whole.mounts)));
      }
      expect(outcomes).toContain('done');
      for (const refused of outcomes) expect(refused).toMatch(/^(done|\w+ = EMFILE)$/);
    } finally {
      limitFiles('4096:');
    }
  });

  test('user.max_mnt_namespaces, which detached mounts count for too', () => {
    const script = `
      import { parseMountinfo, restoreTreeSync } from ${JSON.stringify(LIBRARY)};
      const tree = parseMountinfo(process.argv[1]);
      try {
        restoreTreeSync(tree).release();
        console.log('done');
      } catch (error) {
        console.log(error.code, error.hint, error.message);
      }`;
    const table =
      '1 0 0:1 / / rw,relatime - tmpfs r rw\n2 1 0:2 / /a rw - tmpfs r rw\n3 1 0:3 / /b rw shared:3 - tmpfs r rw\n4 3 0:4 / /b/c rw - tmpfs r rw\n';
    const shell = 'echo "$0" > /proc/sys/user/max_mnt_namespaces && exec "$@"';
    const node = [process.execPath, '--input-type=module', '--eval', script, table];
    const said = [0, 2, 3, 16].map((most) =>
      execFileSync('unshare', ['-Urm', 'sh', '-c', shell, String(most), ...node], {
        encoding: 'utf8',
        env: { ...process.env, NODE_OPTIONS: '' },
      }),
    );
    expect(said).toEqual([
      expect.stringMatching(/^ERR_MOUNTYARD_UNMET [\s\S]*engine cannot be used here: .*ENOSPC/),
      expect.stringMatching(/^ERR_MOUNTYARD_UNMET [\s\S]*engine cannot be used here: .*ENOSPC/),
      expect.stringMatching(/^ENOSPC .*user.max_mnt_namespaces.* at \/b: [\s\S]*open_tree/),
      'done\n',
    ]);
  });

  test('user.max_mnt_namespaces, lowered after a restore that went well', () => {
    const script = `
      import { readFileSync, writeFileSync } from 'node:fs';
      import { parseMountinfo, restoreTreeSync } from ${JSON.stringify(LIBRARY)};
      const tree = parseMountinfo('1 0 0:1 / / rw - tmpfs r rw\\n2 1 0:2 / /a rw - tmpfs r rw\\n');
      const mounts = () => readFileSync('/proc/self/mountinfo', 'latin1');
      restoreTreeSync(tree).release();
      const before = mounts();
      writeFileSync('/proc/sys/user/max_mnt_namespaces', '0');
      try {
        restoreTreeSync(tree);
      } catch (error) {
        console.log(error.code, error.hint, error.message, mounts() === before);
      }`;
    const node = [process.execPath, '--input-type=module', '--eval', script];
    const said = execFileSync('unshare', ['-Urm', ...node], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect(said).toMatch(/^ENOSPC .*user.max_mnt_namespaces[\s\S]* true\n$/);
  });

  test('RLIMIT_NPROC, of an ordinary user', async () => {
    using scratch = new ScratchMount();
    const script = `
      import { MountNamespace, parseMountinfo, restoreTree, restoreTreeSync } from ${JSON.stringify(LIBRARY)};
      import { execFileSync } from 'node:child_process';
      import { readFileSync, readdirSync } from 'node:fs';
      const tree = parseMountinfo(process.argv[1]);
      const options = { userNamespace: 'self' };
      const state = () => readFileSync('/proc/self/mountinfo', 'latin1') + readdirSync('/proc/self/fd').length;
      (await restoreTree(tree, options)).release();
      execFileSync('prlimit', ['--nproc=1:1', '--pid', String(process.pid)]); // Node opens pipes for it that stay
      const before = state();
      const acts = [
        () => restoreTree(tree, options),
        () => restoreTreeSync(tree, options),
        () => MountNamespace.create(options),
        () => MountNamespace.create({ ...options, newNamespaces: ['net'] }),
      ];
      for (const act of acts) {
        const said = await Promise.resolve().then(act).then(() => 'done', ({ message }) => message);
        console.log(JSON.stringify({ said, same: state() === before }));
      }`;
    const before = stateOf(scratch.path);
    const node = [process.execPath, '--input-type=module', '--eval', script, '1 0 0:1 / / rw - tmpfs r rw\n'];
    const [setpriv, ...words] = AS_NOBODY;
    const printed = execFileSync(setpriv, [...words, ...node], {
      encoding: 'utf8',
      cwd: '/',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const lines = printed.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        said: expect.stringMatching(/thread = EAGAIN[\s\S]*RLIMIT_NPROC/),
        same: true,
      },
      {
        said: expect.stringMatching(/thread = EAGAIN[\s\S]*RLIMIT_NPROC/),
        same: true,
      },
      { said: expect.stringMatching(/thread = EAGAIN[\s\S]*RLIMIT_NPROC/), same: true },
      { said: expect.stringMatching(/spawn\(.*mountyard-enter"\) = EAGAIN[\s\S]*RLIMIT_NPROC/), same: true },
    ]);
    await expectUnchanged(before, scratch.path);
  });

  test.each([
    ['is full', 'nr_inodes=2', 'ENOSPC'],
    ['is read-only', 'ro', 'EROFS'],
  ])('a root directory whose filesystem %s', async (_, options, code) => {
    using scratch = new ScratchMount();
    const root = scratch.directory('root');
    sys.mount('root', root, { type: 'tmpfs', options });
    if (code === 'ENOSPC') mkdirSync(join(root, 'only'));
    const before = stateOf(scratch.path);
    const error = refusalOf(() => restoreTreeSync(ON_DISK, { root, makeMountPoints: true }));
    expect(error).toMatchObject({ code, syscall: 'mkdirat', hint: expect.any(String) });
    expect(existsSync(join(root, 'missing'))).toBe(false);
    await expectUnchanged(before, scratch.path);
  });
});

/** `done`, or the call that was refused, while no more files can be opened than so many. */
function limitFiles(soft: string): void {
  execFileSync('prlimit', [`--nofile=${soft}`, '--pid', String(process.pid)]);
}

function outcomeWith(free: number, run: () => void): string {
  const taken = takeFiles(free);
  try {
    run();
    return 'done';
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
    return error.hint === undefined ? error.message : `${error.syscall} = ${error.code}`;
  } finally {
    for (const fd of taken) closeSync(fd);
  }
}

/** Opens files until no more can be, but for so many. */
function takeFiles(free: number): number[] {
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error;
  }
  for (const fd of taken.splice(0, free)) closeSync(fd);
  return taken;
}

test.skipIf(!isMachineRoot)('a process that is dead cannot be captured, and that is said', async () => {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  const dead = new Promise((resolve) => child.once('exit', resolve));
  const pid = child.pid as number;
  expect(captureTree({ pid }).size).toBeGreaterThan(0);
  child.kill('SIGKILL');
  await dead;
  expect(refusalOf(() => captureTree({ pid }))).toMatchObject({ code: 'ENOENT' });
});
