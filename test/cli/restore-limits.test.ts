import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { deepTable, stackTable, wideTable } from '../support/big-trees.ts';
import { isRoot } from '../support/privilege.ts';
import { mountTable } from '../support/scratch-mount.ts';

const LIBRARY = new URL('../../dist/index.js', import.meta.url).href;

/** Node needs more files than that to load modules: the limit comes after. */
const SCRIPT = `
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseMountinfo, restoreTree } from ${JSON.stringify(LIBRARY)};
const tree = parseMountinfo(readFileSync(0));
execFileSync('prlimit', ['--nofile=64:64', '--pid', String(process.pid)]);
const restored = await restoreTree(tree);
const [limit] = /(?<=Max open files +)\\d+/.exec(readFileSync('/proc/self/limits', 'utf8'));
console.log(JSON.stringify({ limit, size: restored.tree.size, differences: restored.differences }));
restored.release();
`;

describe.skipIf(!isRoot)('with 64 files at most', () => {
  test.each([
    ['3,000 mounts side by side', wideTable(3000), 3002],
    ['2,000 mounts on one another', stackTable(2000), 2001],
    ['600 mounts in one another', deepTable(600), 601],
  ])(
    '%s are restored',
    (_, table, count) => {
      const before = mountTable();
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ['--input-type=module', '--eval', SCRIPT],
        {
          input: table,
          encoding: 'utf8',
          timeout: 60_000,
        },
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(JSON.parse(stdout)).toEqual({ limit: '64', size: count, differences: [] });
      expect(mountTable()).toBe(before);
    },
    60_000,
  );
});
