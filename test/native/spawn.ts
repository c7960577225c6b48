import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RunPlace, RunResult } from '../../lib/system/native.ts';

const script = fileURLToPath(new URL('run-program.cjs', import.meta.url));

/** Runs the program in a Node of its own, started through `launcher`. */
export function runSpawned(
  launcher: readonly string[],
  program: Buffer,
  place: RunPlace,
  options: { readonly twice?: boolean } = {},
): RunResult | [RunResult, RunResult] {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const request = {
    ...options,
    program: base64(program),
    place:
      place.kind === 'thread'
        ? place
        : {
            ...place,
            uidMap: base64(place.uidMap),
            setgroups: base64(place.setgroups),
            gidMap: base64(place.gidMap),
          },
  };
  const [file = process.execPath, ...args] = [...launcher, process.execPath, script];
  const output = execFileSync(file, args, {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', REQUEST: JSON.stringify(request) },
  });
  return JSON.parse(output);
}
