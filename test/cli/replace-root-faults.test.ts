import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { isMachineRoot } from '../support/privilege.ts';

const LIBRARY = new URL('../../dist/index.js', import.meta.url).href;
const SCRIPT = fileURLToPath(new URL('../support/replace-root.mjs', import.meta.url));

const MOST = 9;

interface Outcome {
  readonly error: string | null;
  readonly same: boolean;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** Runs the script in a mount namespace of its own, while strace(1) makes one call fail. */
function replaceRoot(engine: string, inject: readonly string[] = []): Outcome {
  const strace =
    inject.length === 0 ? [] : ['strace', '-f', '--seccomp-bpf', '-qq', '-o', '/dev/null', ...inject];
  const { stdout, stderr } = spawnSync('unshare', ['--mount', '--', ...strace, process.execPath, SCRIPT], {
    encoding: 'utf8',
    env: { ...process.env, LIBRARY, ENGINE: engine },
    timeout: 18_000,
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

const alone = ([table]: readonly string[]) => table?.replace(/ shared:\d+/g, '');
const rootOf = ([table]: readonly string[]) => table?.split('\n').find((line) => line.split(' ')[4] === '/');

describe.skipIf(!isMachineRoot).each(['detached', 'yard'])(
  'a call that fails while a root is replaced leaves the old one: %s',
  (engine) => {
    test('without a fault it is replaced', () => {
      const { error, same, after } = replaceRoot(engine);
      expect({ error, same }).toEqual({ error: null, same: false });
      expect(after[0]?.trim().split('\n')).toHaveLength(3);
    });

    // Each in its turn, counted in each thread by itself: those of the restore, and those of inspection before it.
    test.each(['pivot_root', 'move_mount', 'mount_setattr'])(
      '%s',
      (call) => {
        let faults = 0;
        for (let when = 1; when <= MOST; when += 1) {
          const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:error=EIO:when=${when}`];
          const { error, same } = replaceRoot(engine, inject);
          if (error === null) break;
          faults += 1;
          expect(error).not.toContain('could not be taken back');
          expect({ when, same }).toEqual({ when, same: true });
        }
        expect(faults).toBeGreaterThan(0);
      },
      60_000,
    );

    test('umount2, after which the old tree has lost its peers, and that is said', () => {
      let said = 0;
      for (let when = 1; when <= MOST; when += 1) {
        const inject = ['-e', 'trace=umount2', '-e', `inject=umount2:error=EIO:when=${when}`];
        const { error, same, before, after } = replaceRoot(engine, inject);
        if (error === null) break;
        if (same) continue;
        said += 1;
        expect(error).toMatch(/umount2.* = EIO[\s\S]*is in no peer group and follows no master any more/);
        expect(after.slice(1)).toEqual(before.slice(1));
        expect(alone(after)).toBe(alone(before));
        expect(rootOf(after)).toBe(rootOf(before)); // which has its group again
      }
      expect(said).toBe(1);
    }, 60_000);
  },
);
