/** What reading a mount table costs: the kernel, this library and libmount. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alternate, compare } from './measure.mjs';
import { pathOf, reading, Worker } from './processes.mjs';
import { COMPARISON, MOUNTS, table } from './report.mjs';

export const title = 'Reading: every field of every mount of a live table';

const SIZES = [1000, 10_000, 50_000];
const SMOKE = [100];
const WAYS = {
  print: 'the kernel prints it (C)',
  bytes: 'its bytes, not parsed',
  parse: 'parseMountinfo, of bytes',
  libmountParse: 'libmount, of a file',
  mountinfo: 'captureTree',
  libmount: 'libmount, of the kernel',
  statmount: 'listmount and statmount',
};
const PAIRS = [
  ['parse', 'print', { atMost: 1 }],
  ['parse', 'libmountParse', { atMost: 1 }],
  ['mountinfo', 'bytes'],
  ['mountinfo', 'libmount'],
  ['statmount', 'mountinfo'],
  ['bytes', 'print'],
];

/** @returns {Promise<{comparisons: object[], notices: string[]}>} */
export async function run(options) {
  const hasLibmount = existsSync(pathOf('out/libmount-table'));
  const ways = Object.keys(WAYS).filter((way) => hasLibmount || !way.startsWith('libmount'));
  const directory = mkdtempSync(join(tmpdir(), 'mountyard-bench-'));
  const comparisons = [];
  try {
    for (const mounts of options.sizes ?? (options.smoke ? SMOKE : SIZES)) {
      const samples = await measure(ways, { mounts, directory, options });
      const side = (way) => ({ name: WAYS[way], samples: samples[way] });
      for (const [one, other, goal] of PAIRS.filter((pair) => pair.slice(0, 2).every((way) => samples[way])))
        comparisons.push(compare({ mounts }, side(one), side(other), mounts === 50_000 ? goal : undefined));
      options.progress(String(mounts));
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
  const notices = hasLibmount ? [] : ['libmount is left out: its headers are not here (libmount-dev).'];
  return { comparisons, notices };
}

async function measure(ways, { mounts, directory, options }) {
  const pick = reading(options.clock);
  const worker = await Worker.start('reading', { mounts, directory, quick: options.smoke });
  try {
    const sides = ways.map((way) => [way, async () => pick(await worker.ask({ way }))]);
    return await alternate(Object.fromEntries(sides), { ...options.rounds, settle: 1 });
  } finally {
    await worker.stop();
  }
}

export function tables({ comparisons, notices }) {
  return [table(title, [MOUNTS, ...COMPARISON], comparisons), ...notices];
}
