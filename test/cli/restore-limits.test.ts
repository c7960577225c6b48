import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { deepTable, stackTable, wideTable } from '../support/big-trees.ts';
import { isRoot } from '../support/privilege.ts';
import { mountTable } from '../support/scratch-mount.ts';
import { MAIN } from './mountyard.ts';

const LIBRARY = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

/** Through JSON, for which more is loaded; by require, because `import` opens many files at once. */
const SCRIPT = `
const { readFileSync } = require('node:fs');
const { formatSnapshot, parseMountinfo, parseSnapshot, restoreTree } = require(${JSON.stringify(LIBRARY)});
async function restore() {
  const tree = parseMountinfo(readFileSync(0));
  const restored = await restoreTree(parseSnapshot(formatSnapshot({ namespaces: [tree] })));
  const [limit] = /(?<=Max open files +)\\d+/.exec(readFileSync('/proc/self/limits', 'utf8'));
  console.log(JSON.stringify({ limit, size: restored.tree.size, differences: restored.differences }));
  restored.release();
}
restore();
`;

test('the command starts with 24 files at most', () => {
  const started = spawnSync('prlimit', ['--nofile=24:24', process.execPath, MAIN, '--help'], {
    encoding: 'utf8',
  });
  expect(started).toMatchObject({
    status: 0,
    stderr: '',
    stdout: expect.stringContaining('restore [options] <SNAPSHOT>'),
  });
});

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
        'prlimit',
        ['--nofile=64:64', process.execPath, '--eval', SCRIPT],
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
