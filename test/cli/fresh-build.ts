import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The tests run the compiled command: after a change in lib/ it is compiled again. `npm ci` leaves nothing to do. */
export default function setup(): void {
  const compiled = statSync('dist/cli/main.js', { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const newest = Math.max(
    ...readdirSync('lib', { recursive: true, encoding: 'utf8' }).map(
      (name) => statSync(join('lib', name)).mtimeMs,
    ),
  );
  if (newest > compiled) execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}
