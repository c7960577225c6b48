/** Whether a run came out whole. */

/**
 * @param {object} results as read back from the JSON file.
 * @param {readonly string[]} names of the benchmarks that were asked for.
 * @returns {string[]} what is missing; never anything about speed.
 */
export function missing(results, names) {
  return names.flatMap((name) => {
    const found = samplesIn(results.benchmarks[name]);
    if (found.length === 0) return [`${name}: no samples`];
    const broken = found.filter((samples) => samples.length === 0 || !samples.every(Number.isFinite));
    return broken.map((samples) => `${name}: samples ${JSON.stringify(samples)}`);
  });
}

function samplesIn(value) {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === 'samples' ? [inner] : samplesIn(inner)));
}
