import { describe, expect, test } from 'vitest';
import { BOTH_ENGINES } from '../support/live.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { HostOfEnded } from './ended-restore.ts';
import { FULL } from './every-call.ts';
import { ACTION } from './hook.ts';

const HOURS = 6 * 3_600_000;
/** Of each of the tests below, with each engine. */
const KILLS = FULL ? 250 : 4;

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)(
  'kill -9 leaves nothing or the whole tree: %s',
  (engine) => {
    test(
      'at one call after the other, and at each of the last',
      async () => {
        using host = new HostOfEnded(engine);
        const { calls } = await host.restore({});
        expect(host.putBack()).toBe('whole');
        expect(calls).toBeGreaterThan(500);
        const last = Array.from({ length: KILLS }, (_, index) => calls - index);
        const spread = Array.from({ length: KILLS }, (_, index) => 1 + Math.floor((index * calls) / KILLS));
        const left = new Set<string>();
        for (const call of new Set([...spread, ...last])) {
          const { ended } = await host.restore({ fault: `${call}:${ACTION.killSelf}` });
          expect({ call, ended }).toEqual({ call, ended: 'SIGKILL' });
          left.add(host.putBack());
        }
        expect([...left]).toContain('nothing');
        expect([...left]).toContain('whole');
      },
      HOURS,
    );

    test(
      'at random moments',
      async () => {
        using host = new HostOfEnded(engine);
        const started = performance.now();
        await host.restore({});
        const duration = performance.now() - started;
        expect(host.putBack()).toBe('whole');
        const left = { nothing: 0, effects: 0, whole: 0 };
        for (let kill = 0; kill < KILLS; kill += 1) {
          await host.restore({ killAfter: Math.random() * duration });
          left[host.putBack()] += 1;
        }
        console.log(`${engine}: ${JSON.stringify(left)}`);
        expect(left.nothing + left.effects + left.whole).toBe(KILLS);
      },
      HOURS,
    );

    test('process.exit takes back what was done on the host, or leaves the whole tree', async () => {
      using host = new HostOfEnded(engine);
      for (const exitAfter of [0, 2, 5, 10, 20, 40]) {
        const { ended } = await host.restore({ exitAfter });
        expect(ended).toBe(7);
        expect(['nothing', 'whole']).toContain(host.putBack());
      }
    });
  },
);
