import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Beside the addon lie mountyard-enter and the launcher of test/missing. */
const BUILT = 'build/faults/Release/mountyard.node';
const SOURCES = ['native', 'test/missing', 'test/faults/allocations.cpp', 'CMakeLists.txt'];

/** The tests of this project load an addon in which syscalls can be made to fail: after a change it is built again. */
export default function setup(): void {
  const built = statSync(BUILT, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (newest() <= built) return;
  const args = ['--no-install', 'cmake-js', 'compile', '--out', 'build/faults', '--CDFAULTS=ON'];
  execFileSync('npx', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

function newest(): number {
  const files = SOURCES.flatMap((source) =>
    statSync(source).isDirectory()
      ? readdirSync(source, { recursive: true, encoding: 'utf8' }).map((name) => join(source, name))
      : [source],
  );
  return Math.max(...files.map((file) => statSync(file).mtimeMs));
}
