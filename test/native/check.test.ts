import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HEADER_SIZE, OP, OP_SIZE, OPCODE } from '../../lib/program/format.ts';
import { native, type RunResult } from '../../lib/system/calls/native.ts';
import { build, mkdir, tmpfs, withHeader, withOp } from './program-builder.ts';

function runSync(program: Uint8Array, imports: readonly number[] = []): RunResult {
  return native.runSync({ program, imports: Int32Array.from(imports), place: { kind: 'thread' } });
}

// Ops 0–3 make a tmpfs in slot 2, op 4 makes a directory there; undo op 5 removes it.
const sound = build({
  main: [...tmpfs(3, 2), mkdir(2, 'd')],
  undo: [{ call: 'unlinkat', a: 2, s1: 'd', n: 0x200, guard: 4 }],
  imports: 1,
  exports: 1,
});
const mount = build({ main: [{ call: 'mount', s2: '/nowhere' }] });
const binary = build({ main: [{ call: 'fsconfig', a: 0, n: 2, s1: 'k', s2: 'value', f1: 6n }] });

function patched(program: Buffer, patch: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(program);
  patch(bytes);
  return bytes;
}

test('a sound program runs', () => {
  expect(runSync(sound, [0])).toMatchObject({ status: 'done', op: -1, defect: '', exports: [-1] });
});

test.each<[string, number, string, Buffer]>([
  ['another magic number', -1, 'magic', withHeader(sound, 'magic', 1)],
  ['another version', -1, 'version', withHeader(sound, 'version', 2)],
  ['another op size', -1, 'op-size', withHeader(sound, 'opSize', 56)],
  ['more ops than bytes', -1, 'length', withHeader(sound, 'opCount', 6)],
  ['an op count that would wrap a 32-bit size', -1, 'length', withHeader(sound, 'opCount', 5 + 2 ** 26)],
  ['an op count past 31 bits', -1, 'op-count', withHeader(sound, 'opCount', 2 ** 31)],
  [
    'op counts whose sum wraps',
    -1,
    'op-count',
    withHeader(withHeader(sound, 'opCount', 2 ** 31 - 1), 'undoCount', 7),
  ],
  ['more undo ops than bytes', -1, 'length', withHeader(sound, 'undoCount', 2)],
  ['more string bytes than there are', -1, 'length', withHeader(sound, 'stringBytes', 0xffffffff)],
  ['a byte too many', -1, 'length', Buffer.concat([sound, Buffer.alloc(1)])],
  ['too many slots', -1, 'slot-count', withHeader(sound, 'slotCount', 2 ** 22 + 1)],
  ['more imports than slots', -1, 'slot-count', withHeader(sound, 'importCount', 9)],
  ['imports and exports whose sum wraps', -1, 'slot-count', withHeader(sound, 'exportCount', 0xffffffff)],
  ['strings that do not end', -1, 'strings', patched(sound, (bytes) => bytes.fill(1, bytes.length - 1))],
  ['op code 0', 0, 'code', patched(sound, (bytes) => bytes.writeUInt16LE(0, HEADER_SIZE + OP.code))],
  [
    'an op code past the last',
    0,
    'code',
    patched(sound, (bytes) =>
      bytes.writeUInt16LE(Math.max(...Object.values(OPCODE)) + 1, HEADER_SIZE + OP.code),
    ),
  ],
  ['a slot past the last', 1, 'slot-a', withOp(sound, 1, 'a', 8)],
  ['a negative slot', 4, 'slot-a', withOp(sound, 4, 'a', -2)],
  ['no slot where an fd is needed', 1, 'slot-a', withOp(sound, 1, 'a', -1)],
  ['a value slot past the last', 1, 'slot-b', withOp(sound, 1, 'b', 8)],
  ['no slot for the fd that an op makes', 0, 'slot-out', withOp(sound, 0, 'out', -1)],
  ['an fd made into an import', 0, 'out-import', withOp(sound, 0, 'out', 0)],
  ['an import closed', 3, 'close-import', withOp(sound, 3, 'a', 0)],
  ['no string where one is needed', 0, 'string-s1', withOp(sound, 0, 's1', -1)],
  ['a string past the block', 4, 'string-s1', withOp(sound, 4, 's1', 1000)],
  ['a mount without a target', 0, 'string-s2', withOp(mount, 0, 's2', -1)],
  ['a type past the block', 0, 'string-s3', withOp(mount, 0, 's3', 9)],
  ['options past the block', 0, 'string-n', withOp(mount, 0, 'n', 9)],
  ['a guard on a main op', 4, 'guard', withOp(sound, 4, 'guard', 1)],
  ['a guard past the main ops', 5, 'guard', withOp(sound, 5, 'guard', 5)],
  [
    'a binary value longer than the block',
    0,
    'binary-value',
    patched(binary, (bytes) => bytes.writeUInt8(7, HEADER_SIZE + OP.f1)),
  ],
  ['a binary value whose length is an fd', 0, 'binary-value', withOp(binary, 0, 'b', 1)],
])('refuses %s', (_, op, defect, program) => {
  expect(runSync(program, [0])).toMatchObject({ status: 'refused', op, defect, exports: [] });
});

test('refuses imports that are not as many as the program says', () => {
  expect(runSync(sound, [])).toMatchObject({ status: 'refused', op: -1, defect: 'imports' });
});

test('refuses a program cut off at any byte', () => {
  for (let size = 0; size < sound.length; ++size) {
    expect(runSync(sound.subarray(0, size), [0]).status, `${size} bytes`).toBe('refused');
  }
});

test('runs a program that lies at an odd address', () => {
  const shifted = Buffer.concat([Buffer.alloc(1), sound]).subarray(1);
  expect(runSync(shifted, [0]).status).toBe('done');
});

// A program of checks: whatever a flip makes of its arguments, it changes nothing. Op codes stay as they are.
const harmless = build({
  main: Array.from({ length: 6 }, () => ({ call: 'check', a: 0, f1: 0o40000n, f2: 1n, f3: 1n }) as const),
  undo: [{ call: 'check', a: 1, guard: 0 }],
  imports: 1,
  slots: 4,
});

test('a program with flipped bytes is refused or runs, and never crashes', () => {
  const isCode = (at: number) => at >= HEADER_SIZE && (at - HEADER_SIZE) % OP_SIZE < 2;
  const flip = fc.tuple(fc.nat(harmless.length - 1), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(fc.array(flip, { minLength: 1, maxLength: 4 }), (flips) => {
      const bytes = Buffer.from(harmless);
      for (const [at, mask] of flips) {
        if (!isCode(at)) bytes.writeUInt8(bytes.readUInt8(at) ^ mask, at);
      }
      expect(['done', 'failed', 'refused']).toContain(runSync(bytes, [0]).status);
    }),
    { numRuns: 2000 },
  );
});
