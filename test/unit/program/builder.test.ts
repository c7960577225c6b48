import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../lib/errors.ts';
import { decodeBytes } from '../../../lib/model/bytes.ts';
import { type OpArguments, ProgramBuilder } from '../../../lib/program/builder.ts';
import { decodeOp, opCounts } from '../../../lib/program/decode.ts';
import { HEADER, HEADER_SIZE, OP_SIZE, OPCODE, type OpName } from '../../../lib/program/format.ts';

const SLOTS = { count: 9, imports: 2, exports: 1 };

/** Any bytes but NUL, as a path or an option may have them. */
const text = fc.uint8Array({ min: 1, max: 255, maxLength: 40 }).map((bytes) => decodeBytes(bytes));
const slot = fc.integer({ min: -1, max: 2 ** 31 - 1 });
const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
const numberOrData = (name: OpName): fc.Arbitrary<number | string | undefined> =>
  name === 'mount' ? maybe(text) : maybe(fc.nat(0xffffffff));

const anyOp = fc.constantFrom(...(Object.keys(OPCODE) as OpName[])).chain((name) =>
  fc.record({
    name: fc.constant(name),
    guard: maybe(fc.nat(1000)),
    args: fc.record({
      a: maybe(slot),
      b: maybe(slot),
      out: maybe(slot),
      s1: maybe(text),
      s2: maybe(text),
      s3: maybe(text),
      n: numberOrData(name),
      f1: maybe(word),
      f2: maybe(word),
      f3: maybe(word),
      tolerate: maybe(fc.nat(0xffff)),
      retries: maybe(fc.nat(0xff)),
    }),
  }),
);

/** Without the keys that are `undefined`: they are left out in real use. */
function given(args: { readonly [key in keyof OpArguments]?: OpArguments[key] | undefined }): OpArguments {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined));
}

describe('a program', () => {
  test('reads back as it was written, whatever the arguments', () => {
    fc.assert(
      fc.property(fc.array(anyOp, { maxLength: 12 }), (ops) => {
        const builder = new ProgramBuilder();
        const main = ops.filter(({ guard }) => guard === undefined);
        const undo = ops.filter(({ guard }) => guard !== undefined);
        for (const { name, guard, args } of ops) {
          if (guard === undefined) builder.op(name, given(args));
          else builder.undo(guard, name, given(args));
        }
        const bytes = builder.bytes(SLOTS);
        expect(opCounts(bytes)).toEqual({ main: main.length, undo: undo.length });
        [...main, ...undo].forEach(({ name, guard, args }, index) => {
          expect(decodeOp(bytes, index)).toEqual({
            name,
            guard: guard ?? 0,
            a: args.a ?? -1,
            b: args.b ?? -1,
            out: args.out ?? -1,
            s1: args.s1,
            s2: args.s2,
            s3: args.s3,
            data: name === 'mount' ? args.n : undefined,
            n: name === 'mount' ? expect.any(Number) : (args.n ?? 0),
            f1: args.f1 ?? 0n,
            f2: args.f2 ?? 0n,
            f3: args.f3 ?? 0n,
            tolerate: args.tolerate ?? 0,
            retries: args.retries ?? 0,
          });
        });
      }),
    );
  });

  test('has a header that says how much of all there is', () => {
    const builder = new ProgramBuilder();
    expect(builder.op('fchdir', { a: 0 })).toBe(0);
    expect(builder.op('chroot', { s1: 'ab' })).toBe(1);
    expect(builder.undo(0, 'umount2', { s1: '.', f1: 2 })).toBe(0);
    expect(builder.opCount).toBe(2);
    const bytes = builder.bytes(SLOTS);
    const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER_SIZE);
    expect(Buffer.from(bytes.subarray(0, 4)).toString()).toBe('MYRD');
    expect(header.getUint16(HEADER.version, true)).toBe(1);
    expect(header.getUint16(HEADER.opSize, true)).toBe(64);
    expect(header.getUint32(HEADER.opCount, true)).toBe(2);
    expect(header.getUint32(HEADER.undoCount, true)).toBe(1);
    expect(header.getUint32(HEADER.slotCount, true)).toBe(9);
    expect(header.getUint32(HEADER.importCount, true)).toBe(2);
    expect(header.getUint32(HEADER.exportCount, true)).toBe(1);
    expect(header.getUint32(HEADER.stringBytes, true)).toBe('ab\0.\0'.length);
    expect(bytes).toHaveLength(HEADER_SIZE + 3 * OP_SIZE + 'ab\0.\0'.length);
  });

  test('keeps each string once', () => {
    const builder = new ProgramBuilder();
    for (let i = 0; i < 100; i += 1) builder.op('mount', { s1: 'none', s2: '/a', s3: 'none', n: '/a' });
    expect(builder.bytes(SLOTS)).toHaveLength(HEADER_SIZE + 100 * OP_SIZE + 'none\0/a\0'.length);
  });

  test('tells an empty string from none', () => {
    const builder = new ProgramBuilder();
    builder.op('mount', { s1: '', n: '' });
    const { s1, s2, data } = decodeOp(builder.bytes(SLOTS), 0);
    expect([s1, s2, data]).toEqual(['', undefined, '']);
  });
});

describe('a string', () => {
  const bytesOf = (s1: string) => {
    const builder = new ProgramBuilder();
    builder.op('chroot', { s1 });
    return [...builder.bytes(SLOTS).subarray(HEADER_SIZE + OP_SIZE)];
  };

  test('may hold a byte that is no UTF-8, and gives it back', () => {
    expect(bytesOf('a\udcff\udc80é')).toEqual([0x61, 0xff, 0x80, 0xc3, 0xa9, 0]);
  });

  test('may not hold a NUL byte, which would end it early', () => {
    expect(() => bytesOf('/a\0/b')).toThrow(UsageError);
    expect(() => bytesOf('/a\0/b')).toThrow('a path or option holds a NUL byte: "/a\\u0000/b"');
  });

  test('may not hold a lone surrogate that stands for no byte', () => {
    expect(() => bytesOf('\ud800')).toThrow(UsageError);
    expect(() => bytesOf('\udc00')).toThrow('U+DC00, which stands for no byte');
  });
});

test('a code that is none is told by its op', () => {
  const builder = new ProgramBuilder();
  builder.op('close', { a: 1 });
  const bytes = builder.bytes(SLOTS);
  bytes[HEADER_SIZE] = 99;
  expect(() => decodeOp(bytes, 0)).toThrow('op 0 has an unknown code');
});
