import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MountError } from '../../lib/errors.ts';
import { RENAME } from '../../lib/flags.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { atOnce } from '../../lib/model/pausing.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import { planRestore } from '../../lib/plan/restore.ts';
import { compileRestore } from '../../lib/program/compile.ts';
import { openat2 } from '../../lib/sys.ts';
import type { OwnedFd } from '../../lib/system/calls/fd.ts';
import { smallProgram } from '../../lib/system/calls/small-program.ts';
import { readTree } from '../../lib/system/capture/capture.ts';
import { ownerView } from '../../lib/system/capture/owner-ids.ts';
import { inspectHostHolding } from '../../lib/system/inspect/inspect.ts';
import type { Execution, ExportedFds } from '../../lib/system/restore/execute.ts';
import { execute, runAsync } from '../support/async-run.ts';
import { HostileRootfs } from '../support/hostile-rootfs.ts';
import { BOTH_ENGINES } from '../support/live.ts';
import { closeAll } from '../support/op-by-op.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable } from '../support/scratch-mount.ts';

/** Restores during which it goes on: `MOUNTYARD_ROUNDS=10000 npx vitest run test/attacks/exchange.test.ts`. */
const ROUNDS = Number(process.env.MOUNTYARD_ROUNDS ?? 50);
const SWAPS = 10_000;
const SWAPS_AT_ONCE = 2_000;
const ROOT = '1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw';

/** Exchanges `dir` and `link` in a directory from a thread of its own, without a pause, until it is stopped. */
class Swapper {
  swaps = 0;
  #stopped = false;
  readonly #ended: Promise<void>;

  constructor(directory: OwnedFd) {
    this.#ended = this.#run(directory);
  }

  async #run(directory: OwnedFd): Promise<void> {
    const { program } = smallProgram({ imports: ['rootfs'] }, (builder) => {
      for (let left = SWAPS_AT_ONCE; left > 0; left -= 1) {
        builder.op('renameat2', { a: 0, s1: 'dir', b: 0, s2: 'link', n: RENAME.EXCHANGE });
      }
    });
    const request = { program: program.bytes, imports: Int32Array.of(directory.number) };
    while (!this.#stopped) {
      const result = await runAsync({ ...request, place: { kind: 'thread' } });
      expect(result.status === 'done' ? 0 : result.errno).toBe(0);
      this.swaps += SWAPS_AT_ONCE;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }
}

const CASES: { readonly [title: string]: string } = {
  'a mount is placed below it': '2 1 0:2 / /dir/b/c rw,relatime - tmpfs t rw',
  'a mount is placed on it': '2 1 0:2 / /dir rw,relatime - tmpfs t rw',
  'a bind is made of what is below it': '2 1 8:1 /dir/b /other rw,relatime - ext4 /dev/sda1 rw',
  'a mount point is made below it (CVE-2024-45310)': '2 1 0:2 / /dir/new/t rw,relatime - tmpfs t rw',
};

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)(
  `a directory that a thread exchanges with a symlink, ${SWAPS} times, while (CVE-2021-30465): %s`,
  (engine) => {
    expectNoLeakedFds();

    test.each(Object.entries(CASES))(
      '%s',
      async (title, line) => {
        using rootfs = new HostileRootfs();
        for (const path of ['dir/b/c', 'other']) rootfs.directory(path);
        rootfs.link('link', '../outside');
        const tree = parseMountinfo(`${ROOT}\n${line}\n`);
        const options = { engine, root: rootfs.path, makeMountPoints: true };
        const { facts, held } = inspectHostHolding(tree, options);
        using _held = held;
        const plan = planRestore(tree, options, facts);
        const execution = { plan, program: compileRestore(plan), held, place: { kind: 'thread' } } as const;
        const before = mountTable();

        using directory = openat2(rootfs.path, { flags: ['PATH'] });
        const swapper = new Swapper(directory);
        const outcomes = new Map<string, number>();
        try {
          const isEnough = (round: number) => round >= ROUNDS && swapper.swaps >= SWAPS && outcomes.size > 1;
          for (let round = 0; !isEnough(round) && round < 50 * ROUNDS; round += 1) {
            const outcome = await outcomeOf(execution, rootfs);
            outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
          }
        } finally {
          await swapper.stop();
        }
        // Both happened, or nothing was tried.
        expect(outcomes.get('restored')).toBeGreaterThan(0);
        expect(outcomes.size).toBeGreaterThan(1);
        console.log(`${engine}, ${title}: ${swapper.swaps} swaps,`, Object.fromEntries(outcomes));
        expect(mountTable()).toBe(before);
        rootfs.expectNothingOutside();
        expect(existsSync(join(rootfs.outside, 'new'))).toBe(false);
      },
      20_000 + 200 * ROUNDS,
    );
  },
);

/** Runs the program once, and looks at where everything is. */
async function outcomeOf(execution: Execution, rootfs: HostileRootfs): Promise<string> {
  let exports: readonly ExportedFds[];
  try {
    const { trees, effects } = await execute(execution);
    effects[Symbol.dispose]();
    exports = trees;
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
    // ELOOP: the symlink was there; EINVAL: it was, at the end; EAGAIN: a rename came between, each time it was tried.
    expect(error.code).toMatch(/^(?:ELOOP|EAGAIN|ENOENT|ENOTDIR|EXDEV|EINVAL)$/);
    return error.code;
  }
  const { mountinfo, root, namespace } = exports[0] as Required<ExportedFds>;
  try {
    expectInside(atOnce(readTree(mountinfo, root, ownerView(execution.held.procfs), namespace)));
  } finally {
    for (const fds of exports) closeAll(fds);
  }
  removeMade(['dir', 'link'].map((name) => rootfs.in(`${name}/new`)));
  return 'restored';
}

/** The names go on being exchanged: what was not found, or is not empty, is looked for again. */
function removeMade(paths: readonly string[]): void {
  const isGone = () => paths.every((path) => !existsSync(path));
  for (let quiet = 0; quiet < 20; quiet = isGone() ? quiet + 1 : 0) {
    for (const path of paths) {
      try {
        rmSync(path, { recursive: true, force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
      }
    }
  }
}

/** The mount is on the directory, by whichever of the two names that has now, and shows the rootfs. */
function expectInside(tree: MountTree): void {
  expect(tree.size).toBe(2);
  const [top, other] = tree.mounts;
  expect(other?.parentId).toBe(top?.id);
  expect(other?.mountPoint).toMatch(/^\/(?:(?:dir|link)(?:\/b\/c|\/new\/t)?|other)$/);
  if (other?.mountPoint === '/other') expect(other.root).toMatch(/\/rootfs\/(?:dir|link)\/b$/);
}
