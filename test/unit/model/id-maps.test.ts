import { expect, test } from 'vitest';
import { idInside, idRanges, isIdentity, isMappedInside } from '../../../lib/model/id-maps.ts';

const RANGES = idRanges(['         0       1000          1', '1 100000 65536', '']);

test('maps are read as the kernel pads them', () => {
  expect(RANGES).toEqual([
    { inside: 0, outside: 1000, length: 1 },
    { inside: 1, outside: 100_000, length: 65_536 },
  ]);
});

test.each([
  [1000, 0],
  [100_000, 1],
  [165_535, 65_536],
  [165_536, undefined],
  [999, undefined],
  [0, undefined],
])('%i outside is %s inside', (outside, inside) => {
  expect(idInside(RANGES, outside)).toBe(inside);
  if (inside !== undefined) expect(isMappedInside(RANGES, inside)).toBe(true);
});

test('an id past the last is not mapped', () => {
  expect([65_536, 65_537].map((id) => isMappedInside(RANGES, id))).toEqual([true, false]);
});

test('a map that changes nothing is told from others', () => {
  const whole = idRanges(['0 0 4294967295']);
  expect(isIdentity({ uid: whole, gid: whole })).toBe(true);
  expect(isIdentity({ uid: whole, gid: RANGES })).toBe(false);
});
