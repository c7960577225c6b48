import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Terminal } from '../support/terminal.ts';

const PROJECT = join(import.meta.dirname, '../..');
const PROMPT = '>';

const TREE = [
  '1 0 0:1 / / rw,relatime - tmpfs root rw',
  '2 1 0:2 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw',
  '3 2 0:2 /sys /proc/sys ro,relatime - proc proc rw',
  '4 1 0:3 / /a rw,relatime shared:1 - tmpfs a rw',
  '5 1 0:3 / /b rw,relatime shared:2 master:1 - tmpfs a rw',
].join('\\n');

const SESSION = [
  "const y = require('mountyard')",
  'y.help()',
  `const t = y.parseMountinfo('${TREE}')`,
  't',
  't.at("/b")',
  't.at("/b").propagation',
  'y.planRestore(t, {}, y.inspectHost(t, {}))',
  'const r = y.restoreTreeSync(t)',
  'r.differences',
  "y.diffTrees(t, r.tree.map((mount) => ({ ...mount, source: 'other' }))).slice(0, 2)",
  'r.release()',
  'Error.stackTraceLimit = 0', // where in its files it was thrown changes with them
  "y.sys.bind('/nowhere', '/mnt')",
  "y.sys.mount('x', '/mnt', { flags: ['RDNOLY'] })",
  "y.parseMountinfo('1 0 zero')",
  "y.restoreTreeSync(y.parseMountinfo('1 0 8:1 / / rw - ext4 /dev/sda1 rw'))",
];

test('a session in a terminal', async () => {
  await using terminal = new Terminal(`${process.execPath} --require ./test/preload.cjs`, {
    cwd: PROJECT,
    env: {
      ...process.env,
      NODE_REPL_HISTORY: '',
      TERM: 'xterm-256color',
      NO_COLOR: undefined,
      CI: undefined,
    },
  });
  const prompts = (count: number) => (lines: readonly string[]) =>
    lines.at(-1) === PROMPT && lines.filter((line) => line.startsWith(PROMPT)).length === count;

  await terminal.until(prompts(1));
  for (const [done, line] of SESSION.entries()) {
    terminal.type(`${line}\r`);
    await terminal.until(prompts(done + 2));
  }
  terminal.type('y.renderT\t');
  await terminal.until((lines) => lines.at(-1) === `${PROMPT} y.renderTree`);
  const [greeting, ...session] = terminal.lines();
  expect(greeting).toBe(`Welcome to Node.js ${process.version}.`);
  await expect(`${session.join('\n')}\n`).toMatchFileSnapshot('golden/repl.txt');
});
