/** Memory that is short: for the addon's own C++, for the process, for its cgroup. */
import { describe, expect, test } from 'vitest';
import * as sys from '../../lib/sys.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { BOTH_ENGINES, type TestedEngine } from '../support/live.ts';
import { MEMORY_HIERARCHIES, MemoryCgroup, type MemoryHierarchy } from '../support/memory-cgroup.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';
import { HostOfEnded, type Short } from './ended-restore.ts';
import { FULL, refuseEveryAllocation, release } from './every-call.ts';
import { OPERATIONS } from './operations.ts';
import { attaching, HOSTS, type HostName } from './trees.ts';

const HOURS = 6 * 3_600_000;
const restores = BOTH_ENGINES.flatMap((engine) =>
  (Object.keys(HOSTS) as HostName[]).map((name) => [name, engine] as const),
);

describe.skipIf(!isMachineRoot)('std::bad_alloc is an error, ENOMEM, and nothing is left', () => {
  test.each(restores)(
    'a restore of %s, %s',
    async (name, engine) => {
      using host = HOSTS[name]();
      const options = { ...host.options, engine };
      const refused = await refuseEveryAllocation({
        path: host.path,
        run: () => release(restoreTreeSync(host.input, options)),
      });
      expect(refused).toBeGreaterThan(5);
    },
    HOURS,
  );

  test.each(BOTH_ENGINES)(
    'a restore while JavaScript goes on, attached below a shared mount: %s',
    async (engine) => {
      using host = HOSTS['host effects']();
      const options = { ...host.options, ...attaching(host, true), engine };
      const refused = await refuseEveryAllocation({
        path: host.path,
        run: async () => release(await restoreTree(host.input, options)),
      });
      expect(refused).toBeGreaterThan(5);
    },
    HOURS,
  );

  // What opens files of short names only needs no memory of the addon.
  test.each(Object.entries(OPERATIONS).filter(([name]) => !/^(the|a) namespace (of|by)/.test(name)))(
    '%s',
    async (_, run) => {
      using scratch = new ScratchMount();
      sys.makeShared(scratch.path);
      expect(await refuseEveryAllocation({ path: scratch.path, run: () => run(scratch) })).toBeGreaterThan(0);
    },
    HOURS,
  );
});

/** What a restore in a process that has no more memory than this left, and what the process said. */
async function restoreWith(engine: TestedEngine, short: Short) {
  using host = new HostOfEnded(engine);
  const { ended, said } = await host.restore({ short });
  return { ended, said, left: host.putBack() };
}

type Outcome = Awaited<ReturnType<typeof restoreWith>>;

/** Whole and told, refused with an error, or dead, which is what Node makes of memory that V8 cannot get. */
function expectTold({ ended, said, left }: Outcome): 'done' | 'refused' | 'dead' {
  if (said === '') {
    expect(ended).not.toBe(0);
    expect(ended).not.toBe(1); // that would be an exception of JavaScript's
    return 'dead';
  }
  if (said === 'done') {
    expect(left).toBe('whole');
    return 'done';
  }
  expect(said).toMatch(/^(ENOMEM|EAGAIN): .*= (ENOMEM|EAGAIN)[\s\S]*\n {2}\S/);
  expect(left).toBe('nothing');
  return 'refused';
}

const MEBIBYTE = 1 << 20;
const STEPS = FULL ? 200 : 8;

const isWhyNot = (hierarchy: MemoryHierarchy | string) => typeof hierarchy === 'string';
/** One, where a machine has its memory controller in either version of cgroups. */
const HIERARCHIES = Object.values(MEMORY_HIERARCHIES).filter((hierarchy) => typeof hierarchy !== 'string');

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('a process with little memory: %s', (engine) => {
  test(
    'RLIMIT_AS',
    async () => {
      const counts = { done: 0, refused: 0, dead: 0 };
      for (let step = 0; step < STEPS; step += 1) {
        const addressSpace = Math.floor((24 * MEBIBYTE * step) / STEPS);
        counts[expectTold(await restoreWith(engine, { addressSpace }))] += 1;
      }
      counts[expectTold(await restoreWith(engine, { addressSpace: 1024 * MEBIBYTE }))] += 1;
      // How many are refused depends on where malloc has arenas already.
      console.log(`${engine}, RLIMIT_AS: ${JSON.stringify(counts)}`);
      expect(counts.done).toBeGreaterThan(0);
    },
    HOURS,
  );

  test.skipIf(HIERARCHIES.length === 0)(
    `a memory cgroup (skipped where there is none: ${Object.values(MEMORY_HIERARCHIES).filter(isWhyNot).join('; ')})`,
    async () => {
      for (const hierarchy of HIERARCHIES) {
        const counts = { done: 0, refused: 0, dead: 0 };
        for (let step = 0; step <= STEPS; step += 1) {
          const bytes = step === STEPS ? 512 * MEBIBYTE : Math.floor((12 * MEBIBYTE * (step + 1)) / STEPS);
          await using cgroup = new MemoryCgroup(hierarchy, bytes);
          counts[expectTold(await restoreWith(engine, { cgroup: cgroup.path }))] += 1;
        }
        console.log(`${engine}, memory cgroup below ${hierarchy.top}: ${JSON.stringify(counts)}`);
        expect(counts.done).toBeGreaterThan(0);
        expect(counts.done).toBeLessThan(STEPS + 1);
      }
    },
    HOURS,
  );
});
