import { describe, expect, test } from 'vitest';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';

const load = (name: string) => import(new URL(`../../bench/${name}.mjs`, import.meta.url).href);
const { alternate, compare, exponentOf } = await load('measure');
const { missing } = await load('complete');
const { figure, grouped } = await load('report');
const { SHAPES, tableOf } = await load('trees');

describe('comparisons', () => {
  test('the ratio is that of the rounds, so that what slows a whole round does not count', () => {
    const ours = { name: 'ours', samples: [2, 20, 2] };
    const theirs = { name: 'theirs', samples: [1, 10, 1] };
    const { ratio, met } = compare({ mounts: 3 }, ours, theirs, { atMost: 2 });
    expect(ratio).toMatchObject({ median: 2, lower: 2, upper: 2 });
    expect(met).toBe(true);
    expect(compare({}, ours, theirs, { atLeast: 3 }).met).toBe(false);
    expect(compare({}, ours, theirs)).not.toHaveProperty('met');
  });

  test('sides take turns, and the other way round every second time', async () => {
    const order: string[] = [];
    const side = (name: string) => [name, () => order.push(name)] as const;
    const sides = Object.fromEntries(['a', 'b', 'c'].map(side));
    const samples = await alternate(sides, { seconds: 0, least: 2, most: 9, settle: 0 });
    expect(order.join('')).toBe('abccba');
    expect(samples).toEqual({ a: [1, 6], b: [2, 5], c: [3, 4] });
  });

  test.each([1, 1.5, 2])('the exponent of a power law is found: %s', (exponent) => {
    const points = [1000, 5000, 50_000].map((x) => [x, 3 * x ** exponent]);
    expect(exponentOf(points)).toBeCloseTo(exponent, 10);
  });
});

test('three digits of a figure are shown', () => {
  expect([0, 0.01234, 1.234, 12.34, 1234.4, 1_234_567].map(figure)).toEqual([
    '0',
    '0.0123',
    '1.23',
    '12.3',
    '1,234',
    '1,234,567',
  ]);
  expect(grouped(12345.67)).toBe('12,345.67');
});

test('results without samples, or with samples that are no numbers, are not whole', () => {
  const whole = { ours: { samples: [1, 2] } };
  expect(missing({ benchmarks: { floor: whole } }, ['floor'])).toEqual([]);
  expect(missing({ benchmarks: { floor: whole } }, ['floor', 'job'])).toEqual(['job: no samples']);
  expect(missing({ benchmarks: { job: [{ samples: [1, null] }, { samples: [] }] } }, ['job'])).toEqual([
    'job: samples [1,null]',
    'job: samples []',
  ]);
});

test.each(Object.keys(SHAPES))('%s is a legal tree with as many mounts as it says', (shape) => {
  const tree = parseMountinfo(tableOf(shape, 1000));
  expect(tree.problems).toEqual([]);
  expect([1001, 1002]).toContain(tree.size); // the root, and the disk of a mix
});
