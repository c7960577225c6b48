import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const PROJECT = join(import.meta.dirname, '../..');

/** What Node's own REPL prints for these lines, in a mount namespace that goes with it. */
function repl(lines: readonly string[]): string {
  const preload = ['--require', './test/preload.cjs'];
  const { stdout, stderr } = spawnSync(process.execPath, [...preload, '-i'], {
    cwd: PROJECT,
    input: `${lines.join('\n')}\n.exit\n`,
    encoding: 'utf8',
    env: { ...process.env, NODE_REPL_HISTORY: '', NO_COLOR: '1' },
  });
  expect(stderr).toBe('');
  return stdout;
}

test('a tree prints as a tree', () => {
  const text = repl(["const y = require('mountyard')", 'y.captureTree()']);
  expect(text).toMatch(/MOUNT POINT +ID +TYPE/);
  expect(text).toMatch(/├─ \/proc +#\d+ +proc/);
});

test('what was restored prints as its tree and what was done', () => {
  const text = repl([
    "const y = require('mountyard')",
    "const t = y.parseMountinfo('1 0 0:5 / / rw,relatime - tmpfs t rw\\n')",
    'const r = y.restoreTreeSync(t)',
    'r',
    'r.release()',
  ]);
  expect(text).toContain('Restored 1 mount with');
  expect(text).toContain('Read back: the same tree.');
});

test('mounts are bound and shared, and a refusal is the call as made and what to do', () => {
  const text = repl([
    "const y = require('mountyard')",
    "y.sys.mount('t', '/mnt', {type: 'tmpfs'})",
    "y.sys.bind('/mnt', '/media')",
    "y.sys.makeShared('/media')",
    "y.captureTree().at('/media').propagation.shared > 0",
    "y.sys.bind('/nowhere', '/mnt')",
  ]);
  expect(text).toContain('> true\n');
  expect(text).toContain('bind("/nowhere", "/mnt"): mount("/nowhere", "/mnt", NULL, MS_BIND, NULL) = ENOENT');
});

test('import and require give the same classes', () => {
  const script =
    "import * as i from 'mountyard'; import { createRequire } from 'node:module';" +
    "console.log(createRequire(process.cwd() + '/x.js')('mountyard').MountTree === i.MountTree);";
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: PROJECT,
    encoding: 'utf8',
  });
  expect(stdout).toBe('true\n');
});
