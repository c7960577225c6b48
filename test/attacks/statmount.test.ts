import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { native } from '../../lib/system/calls/native.ts';
import { decodeStatmount, STATMOUNT_ALL } from '../../lib/system/calls/statmount.ts';

/** What this kernel says of each mount that this process sees. */
function answers(): Uint8Array[] {
  const ids = native.sys.listmount(-1n, 0n, 0);
  if (typeof ids === 'number') throw new Error(`listmount: errno ${-ids}`);
  return Array.from(ids, (id) => native.sys.statmount(id, 0n, BigInt(STATMOUNT_ALL))).filter(
    (answer) => typeof answer !== 'number',
  );
}

describe('an answer of statmount that no kernel gives', () => {
  const real = answers();
  const COUNTS = { options: 128, security: 136, uidMap: 152, gidMap: 160 };

  test.each(Object.entries(COUNTS))('that counts four thousand million strings of %s', (_, at) => {
    const bytes = Buffer.from(real[0] as Uint8Array);
    bytes.writeBigUInt64LE(BigInt(STATMOUNT_ALL), 8);
    bytes.writeUInt32LE(0xffffffff, at);
    const { optionArray = [], securityOptions = [], idmap } = decodeStatmount(bytes);
    const found = [optionArray, securityOptions, idmap?.uid ?? [], idmap?.gid ?? []].map(
      ({ length }) => length,
    );
    expect(Math.max(...found)).toBeGreaterThan(0);
    expect(Math.max(...found)).toBeLessThanOrEqual(bytes.length);
  });

  test('is decoded or cut off, and nothing else', () => {
    const words = fc.array(fc.tuple(fc.nat(63), fc.nat(0xffffffff)), { maxLength: 6 });
    let decoded = 0;
    fc.assert(
      fc.property(fc.constantFrom(...real), words, fc.nat(700), (answer, changes, length) => {
        const bytes = Buffer.from(answer.subarray(0, length < 500 ? length : undefined));
        for (const [word, value] of changes)
          if (word * 4 + 4 <= bytes.length) bytes.writeUInt32LE(value, word * 4);
        try {
          expect(decodeStatmount(bytes).mask).toBe(bytes.readBigUInt64LE(8));
          decoded += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 2000 },
    );
    expect(decoded).toBeGreaterThan(100);
  });
});
