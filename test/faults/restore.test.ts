import { describe, expect, test } from 'vitest';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import { restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { BOTH_ENGINES, type TestedEngine } from '../support/live.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { failEveryCall, release } from './every-call.ts';
import { attaching, HOSTS, type Host, type HostName } from './trees.ts';

const PLACES = ['a new namespace', '--at', '--at below a shared mount'] as const;
const HOURS = 6 * 3_600_000;

/** One tree only can be attached, of the caller's own user namespace, and by the yard engine no unbindable mount. */
function canAttach(name: HostName, engine: TestedEngine): boolean {
  return (
    name !== 'several namespaces' && name !== 'user namespace' && !(name === 'long' && engine === 'yard')
  );
}

const cases = BOTH_ENGINES.flatMap((engine) =>
  (Object.keys(HOSTS) as HostName[]).flatMap((name) =>
    PLACES.filter((place) => place === PLACES[0] || canAttach(name, engine)).map(
      (place) => [name, engine, place] as const,
    ),
  ),
);

function optionsFor(host: Host, place: (typeof PLACES)[number]): RestoreOptions {
  return place === PLACES[0] ? {} : attaching(host, place === PLACES[2]);
}

describe.skipIf(!isMachineRoot)('whichever call fails, nothing is left and the error says which', () => {
  test.each(cases)(
    '%s, %s, %s',
    async (name, engine, place) => {
      using host = HOSTS[name]();
      const options = { ...host.options, ...optionsFor(host, place), engine };
      const tally = await failEveryCall({
        path: host.path,
        run() {
          const restored = restoreTreeSync(host.input, options);
          release(restored);
          expect(restored.differences).toEqual([]);
        },
      });
      expect(tally.refused).toBeGreaterThan(0);
      console.log(JSON.stringify(tally));
    },
    HOURS,
  );
});
