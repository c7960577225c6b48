/**
 * Packs the package as it would be published, with the binaries of `npm run build:prebuilds`, installs it where there
 * is nothing else and no script may run, and uses it: a restore of the table in the README, a command inside it, the
 * command line.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'mountyard-package-'));
const run = (file, args, options = {}) =>
  execFileSync(file, args, { cwd: folder, encoding: 'utf8', ...options });

const USE = `
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { MountNamespace, parseMountinfo, restoreTree } from 'mountyard';

const tree = parseMountinfo(readFileSync('table'));
const restored = await restoreTree(tree, { standIn: 'all', ignoreHostPropagation: true });
if (restored.differences.length > 0 || restored.tree.size !== tree.size) throw new Error('it is another tree');
restored.release();
const copy = MountNamespace.create();
const [status] = await once(copy.spawn('true'), 'close');
copy.close();
if (status !== 0) throw new Error('a command in a namespace ended with ' + status);
if (createRequire(import.meta.url)('mountyard').restoreTree !== restoreTree) throw new Error('there are two copies of it');
`;

try {
  const name = run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root }).trim();
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  run('npm', [
    'install',
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    join(folder, name),
  ]);
  const installed = join(folder, 'node_modules', 'mountyard');
  if (existsSync(join(installed, 'build'))) throw new Error('the addon was compiled, not shipped');
  copyFileSync(join(root, 'test', 'tables', 'lxc-vivid.mountinfo'), join(folder, 'table'));
  writeFileSync(join(folder, 'use.mjs'), USE);
  run(process.execPath, ['use.mjs'], { stdio: 'inherit' });
  const bin = join('node_modules', '.bin', 'mountyard');
  run(bin, ['restore', 'table', '--stand-in', 'all', '--ignore-host-propagation']);
  const shipped = readdirSync(join(installed, 'prebuilds'), { recursive: true, withFileTypes: true });
  const binaries = shipped.filter((entry) => entry.isFile()).map((entry) => entry.name);
  console.log(`${name}: installed without scripts and used; binaries: ${binaries.join(', ')}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
