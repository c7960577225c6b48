import { expect, test } from 'vitest';
import { atOnce, inStretches, type Pausing } from '../../../lib/model/pausing.ts';

test('work is done to its end without a pause, and what it throws is thrown', () => {
  function* sum(upTo: number): Pausing<number> {
    let total = 0;
    for (let number = 1; number <= upTo; number += 1) {
      total += number;
      yield;
    }
    if (total === 0) throw new RangeError('nothing to add');
    return total;
  }
  expect(atOnce(sum(4))).toBe(10);
  expect(() => atOnce(sum(0))).toThrow(RangeError);
});

test('a list is gone through in stretches, with a pause behind each', () => {
  const stretches: (readonly [number, number])[] = [];
  const work = inStretches(10, 4, (start, end) => stretches.push([start, end]));
  const pauses = [...work].length;
  expect(stretches).toEqual([
    [0, 4],
    [4, 8],
    [8, 10],
  ]);
  expect(pauses).toBe(3);
  expect([...inStretches(0, 4, () => stretches.push([0, 0]))]).toEqual([]);
  expect(stretches).toHaveLength(3);
});
