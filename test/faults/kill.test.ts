import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { BOTH_ENGINES } from '../support/live.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { HostOfEnded } from './ended-restore.ts';
import { FULL } from './every-call.ts';
import { ACTION } from './hook.ts';

const LIBRARY = new URL('../../dist/index.js', import.meta.url).href;
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

    test('of a process that keeps namespaces for others, which end with it', async () => {
      const script = `
        import { MountNamespace, parseMountinfo, restoreTreeSync } from ${JSON.stringify(LIBRARY)};
        import { readFileSync } from 'node:fs';
        const options = { userNamespace: 'self', newNamespaces: ['pid', 'net'], engine: '${engine}' };
        globalThis.held = restoreTreeSync(parseMountinfo('1 0 0:1 / / rw - tmpfs r rw\\n'), options);
        globalThis.made = MountNamespace.create({ newNamespaces: ['ipc'] });
        const children = (pid) => readFileSync('/proc/' + pid + '/task/' + pid + '/children', 'latin1').trim();
        const keepers = children(process.pid).split(' ');
        console.log([...keepers, ...keepers.flatMap((pid) => children(pid).split(' '))].join(' ').trim());
        setInterval(() => {}, 1000);`;
      const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
        env: { ...process.env, NODE_OPTIONS: '' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const said = await once(child.stdout, 'data');
      const pids = String(said).trim().split(/\s+/);
      expect(pids.length).toBe(3);
      child.kill('SIGKILL');
      await once(child, 'close');
      await vi.waitFor(() => expect(pids.filter((pid) => existsSync(`/proc/${pid}/exe`))).toEqual([]));
    });

    test('process.exit takes back all that was done on the host, unless the caller has the tree', async () => {
      using host = new HostOfEnded(engine);
      for (const exit of [0, 2, 5, 10, 20, 40, 80, 160]) {
        const { ended, told } = await host.restore({ exit });
        expect(ended).toBe(7);
        expect({ exit, told, left: host.putBack() }).toEqual({
          exit,
          told,
          left: told ? 'whole' : 'nothing',
        });
      }
    });

    test('what cannot be taken back when the process exits is told', () => {
      const script = `
        import { parseMountinfo, restoreTree } from ${JSON.stringify(LIBRARY)};
        const onProgress = ({ done, total }) => done === total && process.exit(7);
        const into = { namespace: process.pid };
        restoreTree(parseMountinfo('1 0 0:1 / / rw - tmpfs r rw\\n'), { into, onProgress, engine: '${engine}' });`;
      const node = [process.execPath, '--input-type=module', '--eval', script];
      const env = { ...process.env, NODE_OPTIONS: '' };
      const { status, stderr } = spawnSync('unshare', ['--mount', ...node], { encoding: 'utf8', env });
      expect(stderr).toMatch(
        /MOUNTYARD_EXIT.*could not be taken back:\n {2}- the tree is the root of the name/,
      );
      expect(status).toBe(7);
    });

    test.each([
      ['attached', true, 7],
      ['attached', false, 7],
      ['read back', true, 7],
      ['read back', false, 7],
      ['thrown', true, 1],
    ] as const)('a process that exits when its tree is %s (verified: %s)', async (exit, verify, status) => {
      using host = new HostOfEnded(engine);
      expect(await host.restore({ exit, verify })).toMatchObject({ ended: status, told: false });
      expect(host.putBack()).toBe('nothing');
    });
  },
);
