import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable } from '../support/scratch-mount.ts';
import { ENGINES, type Engine, examine, Tally } from './examine.ts';
import { type Case, cases } from './operation.ts';
import { Workshop, World } from './world.ts';

const SEED = Number(process.env.MOUNTYARD_SEED || Math.floor(Math.random() * 2 ** 31));
const CASES = Number(process.env.MOUNTYARD_CASES || 300);
const engines = process.env.MOUNTYARD_ENGINE ? [process.env.MOUNTYARD_ENGINE as Engine] : ENGINES;
const MINUTE = 60_000;

/** The fds, mounts and child processes of this process. */
function held(): unknown {
  const tasks = readdirSync('/proc/self/task');
  const children = tasks.map((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/children`, 'utf8');
    } catch {
      return ''; // a thread that ended
    }
  });
  return { fds: openFds(), mounts: mountTable(), children: children.join('') };
}

// As the machine's root only: idmaps, and owners as they are.
describe.skipIf(!isMachineRoot)('namespaces made at random', () => {
  let before: unknown;
  beforeAll(() => {
    before = held();
  });
  afterAll(() => {
    expect(held()).toEqual(before);
  });

  test(
    `${CASES} of them, captured and restored by the engines ${engines.join(' and ')}, are the same; seed ${SEED}`,
    async () => {
      using workshop = new Workshop();
      const tally = new Tally();
      const property = fc.asyncProperty(cases, async (one) => {
        await examine(one, engines, workshop, tally);
        await new Promise(setImmediate); // the test runner's messages
      });
      const result = await fc.check(property, { seed: SEED, numRuns: CASES });
      console.info(`${tally.cases} cases, seed ${SEED}\n${tally}`);
      if (result.failed) throw new Error(story(result.counterexample?.[0], result.errorInstance, workshop));
      expect(tally.counts.get('mounts')).toBeGreaterThan(CASES);
    },
    MINUTE + CASES * 2000,
  );
});

function story(one: Case | undefined, error: unknown, workshop: Workshop): string {
  if (!one) return String(error);
  using world = new World(workshop, one.operations);
  const how = `seed ${SEED}${one.alone ? ', the last namespace alone' : ''}, probe ${one.probe}`;
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${how}, after:\n  ${world.commands.join('\n  ')}\n${reason}`;
}
