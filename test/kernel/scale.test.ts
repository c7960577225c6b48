import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { Mount } from '../../lib/model/mount.ts';
import { MountTree } from '../../lib/model/tree.ts';
import { planRestore } from '../../lib/plan/restore.ts';
import { compileRestore } from '../../lib/program/compile.ts';
import { listProgram } from '../../lib/program/listing.ts';
import * as sys from '../../lib/sys.ts';
import { restoreTree } from '../../lib/system/restore/restore.ts';
import { deepTable, stackTable, wideTable } from '../support/big-trees.ts';
import { hostFacts } from '../support/facts.ts';
import { BOTH_ENGINES, LiveNamespace, mountTmpfs, numbers, restoreSame } from '../support/live.ts';
import { openFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';

const FILES = 1024;
const MOUNTS = 50_000;
const PEERS = 1000;
const PASSED_ON = 12;
const TMPFS = 1000;
const STACK = 500;
const MINUTES = 60_000;

/** Everything is made on this thread, far from any limit on open files. */
function build(): void {
  // One peer group, and what was mounted in it reached each member.
  mountTmpfs('/group');
  for (const i of numbers(PASSED_ON)) mkdirSync(`/group/${i}`);
  sys.makeShared('/group');
  mkdirSync('/peers');
  for (const i of numbers(PEERS - 1)) {
    mkdirSync(`/peers/${i}`);
    sys.bind('/group', `/peers/${i}`);
  }
  for (const i of numbers(PASSED_ON)) sys.mount(`passed on ${i}`, `/group/${i}`, { type: 'tmpfs' });
  // Stacks of the one filesystem and of many.
  for (const name of ['/same', '/many']) mkdirSync(name);
  sys.mount('same', '/same', { type: 'tmpfs' });
  for (const _ of numbers(STACK - 1)) sys.bind('/same', '/same');
  for (const i of numbers(STACK)) sys.mount(`layer ${i}`, '/many', { type: 'tmpfs' });
  mkdirSync('/tmpfs');
  for (const i of numbers(TMPFS)) mountTmpfs(`/tmpfs/${i}`, 'size=64k');
  // The rest are binds of directories and files, each here on the one before and there side by side.
  mountTmpfs('/base');
  mkdirSync('/base/d');
  writeFileSync('/base/f', '');
  mkdirSync('/binds');
  const made = 1 + PEERS * (1 + PASSED_ON) + 2 * STACK + TMPFS + 1;
  for (const i of numbers(MOUNTS - made)) {
    const path = `/binds/${i}`;
    if (i % 3 === 0) writeFileSync(path, '');
    else mkdirSync(path);
    sys.bind(i % 3 === 0 ? '/base/f' : '/base/d', path);
  }
}

describe.skipIf(!isMachineRoot)(`with ${FILES} files at most, soft and hard`, () => {
  beforeAll(() => {
    // This file's process is its own: nobody else is limited.
    const limit = spawnSync('prlimit', ['--pid', String(process.pid), `--nofile=${FILES}:${FILES}`]);
    expect(limit.status).toBe(0);
    expect(readFileSync('/proc/self/limits', 'utf8')).toMatch(/^Max open files\s+1024\s+1024\s/m);
  });

  test(
    `a tree of ${MOUNTS} mounts comes back with each engine, verified`,
    async () => {
      using live = new LiveNamespace(build);
      const captured = live.capture();
      expect(captured.size).toBe(MOUNTS);
      expect([...captured.groups.values()].map((members) => members.length).sort((a, b) => a - b)).toEqual([
        ...numbers(PASSED_ON).map(() => PEERS),
        PEERS,
      ]);
      const before = openFds();
      for (const engine of BOTH_ENGINES) {
        using restored = await restoreSame(captured, engine);
        expect(restored.report.mounts).toBe(MOUNTS);
        expect(readdirSync('/proc/self/fd').length).toBeLessThan(before.length + 10);
      }
      expect(openFds()).toEqual(before);
    },
    10 * MINUTES,
  );

  test.each(BOTH_ENGINES)(
    'a chain of 1,500 mounts, each in the one before, takes no file for each: %s',
    async (engine) => {
      using restored = await restoreTree(parseMountinfo(deepTable(1500)), { engine });
      expect(restored.differences).toEqual([]);
      expect(restored.tree.size).toBe(1501);
    },
    10 * MINUTES,
  );
});

/** A group of all, in which each has a child. */
function groupTable(count: number): string {
  const lines = numbers(count / 2).flatMap((i) => [
    `${2 * i + 2} 1 0:2 / /m${i} rw,relatime shared:1 - tmpfs disk rw`,
    `${2 * i + 3} ${2 * i + 2} 0:${3 + (i % 2)} / /m${i}/x rw,relatime shared:${2 + (i % 2)} - tmpfs x rw`,
  ]);
  return ['1 0 0:1 / / rw,relatime - tmpfs root rw', ...lines, ''].join('\n');
}

describe('planning makes work in proportion to the mounts', () => {
  const shapes = { wide: wideTable, stacked: stackTable, grouped: groupTable };

  test.each(Object.entries(shapes))(
    'in steps and calls, of 5,000 and of 50,000: %s',
    (_, table) => {
      const [few, many] = [5000, 50_000].map((count) => {
        const plan = planRestore(parseMountinfo(table(count)), {}, hostFacts());
        return { steps: plan.steps.length, calls: listProgram(compileRestore(plan)).length };
      }) as [{ steps: number; calls: number }, { steps: number; calls: number }];
      expect(few.steps).toBeGreaterThan(5000);
      for (const what of ['steps', 'calls'] as const) {
        const ratio = many[what] / few[what];
        expect(ratio).toBeGreaterThan(9.9);
        expect(ratio).toBeLessThan(10.1);
      }
    },
    2 * MINUTES,
  );

  test.each(Object.entries(shapes))(
    'in how often it looks at a mount, of 1,000 and of 10,000: %s',
    (_, table) => {
      const [few, many] = [1000, 10_000].map((count) => looksAt(table(count))) as [number, number];
      expect(few).toBeGreaterThan(1000);
      expect(many / few).toBeLessThan(12); // sorting takes n log n
    },
    2 * MINUTES,
  );
});

/** How many fields of mounts planning reads. */
function looksAt(table: string): number {
  let looks = 0;
  const counted = (mount: Mount) =>
    new Proxy(mount, {
      get(target, key, receiver) {
        looks += 1;
        return Reflect.get(target, key, receiver);
      },
    });
  planRestore(new MountTree(parseMountinfo(table).mounts.map(counted)), {}, hostFacts());
  return looks;
}
