/** What people use today for read-only binds of host directories, against restoring the same. */
import { existsSync, mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { captureTree, sys } from 'mountyard';
import { median } from 'simple-statistics';
import { CONTAINERS } from './containers.mjs';
import { alternate, compare } from './measure.mjs';
import { ask, nativeTimes, reading, Worker } from './processes.mjs';
import { COMPARISON, MOUNTS, table } from './report.mjs';

export const title = 'Peers: N read-only binds; what a run with none takes is subtracted';

const NAMES = { bwrap: 'bubblewrap', crun: 'crun', runc: 'runc', mount: 'mount(8), spawned' };
const SIZES = {
  bwrap: [100, 500, 1000, 2000],
  crun: [100, 1000],
  runc: [100, 1000],
  mount: [100, 1000],
};
const SMOKE = [10];
const OURS = { plain: 'restoreTreeSync, warm', verified: 'the same, verified' };

/** Where cgroup2 is mounted beside cgroup v1; crun refuses to run then. */
const HYBRID = '/sys/fs/cgroup/unified';

/** Some peers take seconds a round. */
const LEAST = 3;
/** A restore is a small part of a round: the median of so many counts. */
const TIMES = 5;

function goalOf(peer, mounts) {
  if (peer === 'bwrap' && mounts === 2000) return { atLeast: 100 };
  return peer === 'mount' ? { atLeast: 50 } : undefined;
}

/** Directories to bind, and places to bind them to, in a tmpfs of this namespace. */
function makeFiles(most) {
  const directory = mkdtempSync(join(tmpdir(), 'mountyard-bench-'));
  sys.mount('bench', directory, { type: 'tmpfs' });
  const make = (name) =>
    Array.from({ length: most }, (_, i) => {
      const path = join(directory, name, `d${i}`);
      mkdirSync(path, { recursive: true });
      return path;
    });
  return { directory, sources: make('sources'), targets: make('targets') };
}

function removeFiles({ directory }) {
  sys.umount(directory, ['DETACH']);
  rmdirSync(directory);
}

async function measure(peer, mounts, { files, options }) {
  const pick = reading(options.clock);
  const sources = files.sources.slice(0, mounts);
  const workers = [];
  const settle = 5 + mounts / 400;
  const restoring = async (verify) => {
    const worker = await Worker.start('external', { sources, verify, quick: options.smoke });
    workers.push(worker);
    return async () => {
      const times = [];
      for (let time = 0; time < (options.smoke ? 1 : TIMES); time += 1) {
        if (time > 0) await sleep(settle);
        times.push(pick(await worker.ask()));
      }
      return median(times);
    };
  };
  const peerSides =
    peer === 'mount' ? mountCommand(files, mounts, pick) : container(peer, files, mounts, pick);
  try {
    const sides = { ...peerSides, plain: await restoring(false), verified: await restoring(true) };
    const rounds = { ...options.rounds, least: Math.min(options.rounds.least, LEAST) };
    return await alternate(sides, { ...rounds, settle });
  } finally {
    for (const worker of workers) await worker.stop();
  }
}

function container(peer, files, mounts, pick) {
  const start = (count) => {
    const args = [peer, ...CONTAINERS[peer](files, count)];
    return () => pick(nativeTimes('spawned', args));
  };
  return { empty: start(0), peer: start(mounts) };
}

function mountCommand({ sources, targets }, mounts, pick) {
  const parameters = { sources: sources.slice(0, mounts), targets };
  return { empty: () => 0, peer: async () => pick(await ask('mount-command', parameters)) };
}

/** Why a peer is left out; nothing when it runs. */
function lack(peer, files) {
  const found = (process.env.PATH ?? '').split(':').some((directory) => existsSync(join(directory, peer)));
  if (!found) return `${NAMES[peer]} is left out: there is no ${peer} in PATH.`;
  if (!Object.hasOwn(CONTAINERS, peer)) return undefined;
  try {
    nativeTimes('spawned', [peer, ...CONTAINERS[peer](files, 0)]);
    return undefined;
  } catch (error) {
    return `${NAMES[peer]} is left out: a run without binds ended so: ${error.message.trim()}`;
  }
}

/** @returns {Promise<{comparisons: object[], notices: string[]}>} */
export async function run(options) {
  if (captureTree().at(HYBRID)) sys.umount(HYBRID, ['DETACH']);
  const sizesOf = (peer) => options.sizes ?? (options.smoke ? SMOKE : SIZES[peer]);
  const files = makeFiles(Math.max(...Object.keys(NAMES).flatMap(sizesOf)));
  const comparisons = [];
  const notices = [];
  try {
    for (const peer of Object.keys(NAMES)) {
      const notice = lack(peer, files);
      if (notice) notices.push(notice);
      for (const mounts of notice ? [] : sizesOf(peer)) {
        const samples = await measure(peer, mounts, { files, options });
        const net = samples.peer.map((sample, round) => sample - samples.empty[round]);
        const theirs = { name: NAMES[peer], samples: net };
        for (const [side, name] of Object.entries(OURS)) {
          const goal = side === 'plain' ? goalOf(peer, mounts) : undefined;
          comparisons.push(compare({ mounts }, theirs, { name, samples: samples[side] }, goal));
        }
        options.progress(`${peer} ${mounts}`);
      }
    }
  } finally {
    removeFiles(files);
  }
  return { comparisons, notices };
}

export function tables({ comparisons, notices }) {
  return [table(title, [MOUNTS, ...COMPARISON], comparisons), ...notices];
}
