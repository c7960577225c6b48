/** Whether a program of `native` builds what the library would: both sides of a comparison do the same work. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { captureTree, renderDifferences, verifyTree } from 'mountyard';
import { pathOf } from './processes.mjs';

/** @throws {Error} naming the differences. */
export async function assertBuilds(name, args, target) {
  const child = spawn(pathOf(`out/${name}`), args, { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const ended = once(child, 'exit').then(([status]) => {
      throw new Error(`${name} ${args.join(' ')} ended with ${status}`);
    });
    await Promise.race([once(child.stdout, 'data'), ended]);
    const differences = verifyTree(target, captureTree({ pid: child.pid }));
    if (differences.length > 0)
      throw new Error(`${name} ${args.join(' ')} builds another tree:\n${renderDifferences(differences)}`);
    child.stdin.end();
    await ended.catch(() => {});
  } finally {
    child.kill('SIGKILL');
  }
}
