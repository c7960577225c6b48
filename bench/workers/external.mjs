/** Restores read-only binds of host directories, each given by the caller, warm: `{sources, verify, quick}`. */
import { parseMountinfo, restoreTreeSync } from 'mountyard';
import { answer, parameters, timed, warmUp } from './answers.mjs';

const { sources, verify } = parameters;
const lines = sources.map((_, i) => `${i + 2} 1 0:2 /d${i} /m${i} ro,nosuid,nodev,relatime - tmpfs host rw`);
const text = Buffer.from(`${['1 0 0:1 / / rw,relatime - tmpfs root rw', ...lines].join('\n')}\n`);
const external = Object.fromEntries(sources.map((source, i) => [`/m${i}`, source]));

function restore() {
  const tree = parseMountinfo(text);
  const { value, wall, cpu } = timed(() => restoreTreeSync(tree, { external, verify }));
  if (value.differences.length > 0) throw new Error('the tree that was restored is not the same');
  value.release();
  return { wall, cpu };
}

warmUp(restore);
answer(restore);
