import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { isRoot } from '../support/privilege.ts';

const LIBRARY = new URL('../../dist/index.js', import.meta.url).href;
const SCRIPT = fileURLToPath(new URL('../support/threads.mjs', import.meta.url));

test.skipIf(!isRoot)('no thread of Node’s sees anything of a namespace that is worked with', () => {
  const words = ['--mount', '--', process.execPath, SCRIPT];
  const { stdout, stderr } = spawnSync('unshare', words, {
    encoding: 'utf8',
    env: { ...process.env, LIBRARY },
  });
  expect(stderr).toBe('');
  const { inThere, grown, before, during, later, after } = JSON.parse(stdout);
  expect({ inThere, grown }).toEqual({ inThere: 0, grown: true });
  expect(before).toEqual([expect.stringMatching(/^ours mnt:\[\d+\]$/)]);
  expect([during, later, after]).toEqual([before, before, before]);
});
