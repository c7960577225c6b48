import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UsageError } from '../../../lib/errors.ts';
import { decodeBytes, encodeBytes } from '../../../lib/model/bytes.ts';

const bytes = (...values: number[]) => Buffer.from(values);

test('valid UTF-8 decodes as text', () => {
  const text = 'plain, ü, 日本, 🐧, and U+FFFD itself: \ufffd, and a BOM: \ufeff';
  expect(decodeBytes(Buffer.from(text))).toBe(text);
  expect(encodeBytes(text)).toEqual(Buffer.from(text));
});

test.each([
  ['a lone continuation byte', [0x61, 0x80, 0x62], 'a\udc80b'],
  ['a sequence cut short by the end', [0xe2, 0x82], '\udce2\udc82'],
  ['a sequence cut short by a letter', [0xf0, 0x9f, 0x90, 0x41], '\udcf0\udc9f\udc90A'],
  ['an overlong slash', [0xc0, 0xaf], '\udcc0\udcaf'],
  ['an overlong form of three bytes', [0xe0, 0x80, 0xaf], '\udce0\udc80\udcaf'],
  ['an encoded surrogate', [0xed, 0xb2, 0x80], '\udced\udcb2\udc80'],
  ['a point beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80], '\udcf4\udc90\udc80\udc80'],
  ['a byte that never occurs', [0xff], '\udcff'],
  ['U+FFFD beside a bad byte', [0xef, 0xbf, 0xbd, 0xfe], '\ufffd\udcfe'],
])('%s becomes lone surrogates and comes back', (_, values, text) => {
  expect(decodeBytes(bytes(...values))).toBe(text);
  expect(encodeBytes(text)).toEqual(bytes(...values));
});

test('whatever the bytes, they come back', () => {
  const anyBytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.array(fc.constantFrom(0x41, 0x80, 0xbf, 0xc2, 0xe0, 0xed, 0xa0, 0xf0, 0xf4, 0x90), { maxLength: 20 }),
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(anyBytes, (values) => {
      const input = Uint8Array.from(values);
      expect(encodeBytes(decodeBytes(input))).toEqual(Buffer.from(input));
    }),
    { numRuns: 2000 },
  );
});

test('JSON carries bytes that are no text', () => {
  const input = bytes(0x2f, 0xff, 0xc3, 0x28);
  expect(encodeBytes(JSON.parse(JSON.stringify(decodeBytes(input))))).toEqual(input);
});

test.each(['\ud800', 'a\udc7f', '\udd00b', '\udbff'])(
  'the lone surrogate in %j stands for no byte',
  (text) => {
    expect(() => encodeBytes(text)).toThrow(UsageError);
    expect(() => encodeBytes(text)).toThrow(/U\+D[0-9A-F]{3}/);
  },
);
