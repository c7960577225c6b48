import { expect, test } from 'vitest';
import * as format from '../../lib/program/format.ts';
import { native } from '../../lib/system/calls/native.ts';

test('the addon was compiled for the format that TypeScript writes', () => {
  const { HEADER, OP, OPCODE, ...constants } = format;
  const prefixed = (prefix: string, table: Record<string, number>) =>
    Object.entries(table).map(([name, value]) => [`${prefix}.${name}`, value] as const);
  expect(native.format).toEqual({
    ...constants,
    ...Object.fromEntries([
      ...prefixed('HEADER', HEADER),
      ...prefixed('OP', OP),
      ...prefixed('OPCODE', OPCODE),
    ]),
  });
});
