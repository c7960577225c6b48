import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RunPlace, RunResult } from '../../lib/system/calls/native.ts';

const script = fileURLToPath(new URL('run-program.cjs', import.meta.url));

/** Runs the program synchronously in a Node of its own, started through `launcher`. */
export function runSpawned(launcher: readonly string[], program: Buffer, place: RunPlace): RunResult {
  return JSON.parse(runScript(launcher, { program, place, twice: false }));
}

/** The same, asynchronously and then once more synchronously. */
export function runSpawnedTwice(
  launcher: readonly string[],
  program: Buffer,
  place: RunPlace,
): [RunResult, RunResult] {
  return JSON.parse(runScript(launcher, { program, place, twice: true }));
}

/** Starts the program in a Node of its own and does not wait for it. */
export function startSpawned(program: Buffer, place: RunPlace): ChildProcess {
  const node = spawn(process.execPath, [script], {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: environment(),
  });
  node.stdin?.end(encode({ program, place, twice: false }));
  return node;
}

interface Request {
  readonly program: Buffer;
  readonly place: RunPlace;
  readonly twice: boolean;
}

function runScript(launcher: readonly string[], request: Request): string {
  const [file = process.execPath, ...args] = [...launcher, process.execPath, script];
  return execFileSync(file, args, { encoding: 'utf8', env: environment(), input: encode(request) });
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, NODE_OPTIONS: '' };
}

/** JSON in which bytes are base64. Buffer's own toJSON, an array of numbers, takes seconds for a long program. */
function encode({ program, place, twice }: Request): string {
  const encoded = Object.entries(place).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? base64(value) : value,
  ]);
  return JSON.stringify({ program: base64(program), place: Object.fromEntries(encoded), twice });
}

function base64(bytes: Uint8Array): { readonly base64: string } {
  return { base64: Buffer.from(bytes).toString('base64') };
}
