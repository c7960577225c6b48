/**
 * Builds the binaries that the package ships: prebuildify makes the addon, and the executable that the same build
 * made goes beside it, under a name that tells the same libc.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, 'build', 'Release');
const shipped = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
const run = (file, args) => execFileSync(file, args, { cwd: root, stdio: 'inherit' });

rmSync(shipped, { recursive: true, force: true });
run('npx', ['--no-install', 'prebuildify', '--napi', '--strip', '--tag-libc']);
const [addon, ...others] = readdirSync(shipped);
if (addon === undefined || others.length > 0) {
  throw new Error(`prebuildify was to leave one addon in ${shipped}, not ${1 + others.length}`);
}
const enter = join(shipped, addon.replace(/\.node$/, '-enter'));
copyFileSync(join(built, 'mountyard-enter'), enter);
run('strip', [enter]);
copyFileSync(join(shipped, addon), join(built, 'mountyard.node')); // prebuildify moved it away
