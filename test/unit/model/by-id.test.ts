import { describe, expect, test } from 'vitest';
import { ById, NumberById } from '../../../lib/model/by-id.ts';
import { mount } from './mounts.ts';

const SMALL = [1, 2, 700];
/** Too far apart for a list. */
const LARGE = [1, 2, 4_000_000_000];

describe.each([
  ['small', SMALL],
  ['large', LARGE],
])('an index of mounts with %s ids', (_, ids) => {
  const mounts = ids.map((id) => mount(id, 0, '/'));
  const last = ids.at(-1) as number;

  test('has what was set, and nothing else', () => {
    const index = new ById<string>(mounts);
    expect([index.get(1), index.has(last)]).toEqual([undefined, false]);
    index.set(last, 'last');
    expect([index.get(1), index.get(last), index.has(last)]).toEqual([undefined, 'last', true]);
  });

  test('of numbers tells 0 from none', () => {
    const index = new NumberById(mounts);
    expect([index.get(1), index.has(last)]).toEqual([undefined, false]);
    index.set(1, 0);
    index.set(last, 2 ** 30);
    expect(ids.map((id) => index.get(id))).toEqual([0, undefined, 2 ** 30]);
    expect(ids.map((id) => index.has(id))).toEqual([true, false, true]);
    expect(index.get(last + 1)).toBeUndefined();
  });
});
