/** What others do while a restore or a capture makes its calls: they die, or fail in the same process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { type MountError, MountyardError } from '../../lib/errors.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { BOTH_ENGINES } from '../support/live.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';
import { FULL } from './every-call.ts';
import { ACTION, arm, disarm, ERRNOS, errnoOf } from './hook.ts';
import { expectUnchanged, stateOf } from './state.ts';

const TREE = parseMountinfo(
  '1 0 0:1 / / rw,relatime - tmpfs root rw\n' +
    '2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw\n3 1 0:2 / /b rw,relatime master:1 - tmpfs disk rw\n',
);
const MINUTES = 10 * 60_000;
const CASES = FULL ? 1_000 : 10;

/** So many calls, spread over all. */
function spread(calls: number): number[] {
  const step = Math.max(1, calls / CASES);
  const count = Math.floor((calls - 1) / step) + 1;
  return Array.from({ length: count }, (_, index) => 1 + Math.floor(index * step));
}

/** A process in a mount namespace of its own. */
class Target implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, 'close');
  }

  static async start(): Promise<Target> {
    const command = ['-m', '--propagation', 'private', 'sh', '-c', 'echo ready; exec sleep 600'];
    const child = spawn('unshare', command, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    return new Target(child);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

afterEach(() => {
  disarm();
});

describe.skipIf(!isMachineRoot)('a process that is killed at each call', () => {
  const acts: { readonly [name: string]: (pid: number, at: string) => number } = {
    'while its tree is captured': (pid) => captureTree({ pid }).size,
    'while it gets a new root': (pid) => {
      using restored = restoreTreeSync(TREE, { into: { namespace: pid } });
      return restored.tree.size;
    },
    'while it gets a tree': (pid, at) => {
      using restored = restoreTreeSync(TREE, { into: { namespace: pid, at } });
      return restored.tree.size;
    },
  };

  test.each(Object.entries(acts))(
    '%s: it is done, or said that it is not there',
    async (_, act) => {
      using scratch = new ScratchMount();
      const at = scratch.directory('at');
      const before = stateOf(scratch.path);
      const { size, calls } = await whole(act, at);
      let done = 0;
      const cases = spread(calls);
      for (const call of cases) {
        await using target = await Target.start();
        arm({ at: call, action: ACTION.killVictim, victim: target.pid });
        try {
          expect(act(target.pid, at)).toBe(size);
          done += 1;
        } catch (error) {
          expect((error as MountError).message).toMatch(/= (ENOENT|ESRCH|EINVAL.*\n.*has ended)/);
        } finally {
          disarm();
        }
        await target[Symbol.asyncDispose]();
        await expectUnchanged(before, scratch.path);
      }
      expect(done).toBeLessThan(cases.length);
      expect(done).toBeGreaterThan(0);
    },
    MINUTES,
  );

  async function whole(act: (pid: number, at: string) => number, at: string) {
    await using target = await Target.start();
    arm();
    const size = act(target.pid, at);
    return { size, calls: disarm().length };
  }
});

test.skipIf(!isMachineRoot).each(BOTH_ENGINES)(
  'of two restores at once, calls of which fail, each is whole or not there: %s',
  async (engine) => {
    using scratch = new ScratchMount();
    const places = [scratch.directory('one'), scratch.directory('two')];
    const both = () => Promise.allSettled(places.map((at) => restoreTree(TREE, { engine, into: { at } })));
    const releaseAll = (outcomes: Awaited<ReturnType<typeof both>>) => {
      for (const outcome of outcomes) if (outcome.status === 'fulfilled') outcome.value.release();
    };
    releaseAll(await both());
    const before = stateOf(scratch.path);
    arm();
    const outcomes = await both();
    const calls = disarm().length;
    releaseAll(outcomes);
    const ended = { one: 0, both: 0 };
    for (const [index, at] of spread(calls).entries()) {
      const errno = ERRNOS[index % ERRNOS.length] as (typeof ERRNOS)[number];
      arm({ at, action: errnoOf(errno) });
      const outcomes = await both();
      disarm();
      const refused = outcomes.filter(({ status }) => status === 'rejected');
      expect(refused.length).toBeLessThan(2);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(MountyardError);
        else expect(outcome.value.differences).toEqual([]);
      }
      releaseAll(outcomes);
      ended[refused.length === 1 ? 'one' : 'both'] += 1;
      await expectUnchanged(before, scratch.path);
    }
    expect(ended.one).toBeGreaterThan(0);
  },
  MINUTES,
);
