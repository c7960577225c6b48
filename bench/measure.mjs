/** Samples, what they come to, and how two sides compare. */
import { setTimeout as sleep } from 'node:timers/promises';
import { linearRegression, median, quantileSorted } from 'simple-statistics';

/**
 * Takes a sample of every side in turn, so that what disturbs the machine disturbs all of them, and in the other
 * direction every second time. It goes on until the time is used up, within the bounds.
 *
 * @param {Record<string, () => Promise<number> | number>} sides each returns what it measured.
 * @returns {Promise<Record<string, number[]>>} the samples of each side, in rounds.
 */
export async function alternate(sides, { seconds, least, most, settle }) {
  const names = Object.keys(sides);
  const samples = Object.fromEntries(names.map((name) => [name, []]));
  const end = performance.now() + seconds * 1000;
  for (let round = 0; round < most && (round < least || performance.now() < end); round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      samples[name].push(await sides[name]());
      await sleep(settle); // what the kernel puts off is not to be paid for by the next side
    }
  }
  return samples;
}

/** The median and the quartiles of samples. */
export function summary(samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  return {
    median: median(sorted),
    lower: quantileSorted(sorted, 0.25),
    upper: quantileSorted(sorted, 0.75),
    samples,
  };
}

/**
 * One side against the other, round by round.
 *
 * @param {{atMost?: number, atLeast?: number}} [goal] for the ratio.
 */
export function compare(subject, ours, theirs, goal) {
  const ratio = summary(ours.samples.map((sample, round) => sample / theirs.samples[round]));
  return { ...subject, ours: named(ours), theirs: named(theirs), ratio, ...judged(ratio.median, goal) };
}

function named({ name, samples }) {
  return { name, ...summary(samples) };
}

/** The goal, and whether it is met; nothing where there is none. */
export function judged(value, goal) {
  if (!goal) return {};
  return { goal, met: goal.atMost === undefined ? value >= goal.atLeast : value <= goal.atMost };
}

/** The exponent k of the power law y = c·x^k that fits the points best: least squares of the logarithms. */
export function exponentOf(points) {
  return linearRegression(points.map(([x, y]) => [Math.log(x), Math.log(y)])).m;
}
