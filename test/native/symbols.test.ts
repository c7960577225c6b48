import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

// What runs after fork may call nothing that takes a lock or allocates. `syscall` and errno's address are all
// that it needs of libc, besides what the compiler itself puts in.
const ALLOWED = new Set([
  'syscall',
  '__errno_location',
  '__stack_chk_fail',
  'memcpy',
  'memset',
  'memmove',
  'strlen',
]);
const OWN = /^_ZN9mountyard(7program|4host)/;

const objects = fileURLToPath(new URL('../../build/Release/obj.target/mountyard/native/', import.meta.url));

function undefinedSymbols(object: string): string[] {
  const output = execFileSync('nm', ['-u', '--format=posix', objects + object], { encoding: 'utf8' });
  return output.split('\n').flatMap((line) => (line === '' ? [] : [line.split(' ')[0] as string]));
}

test.each(['program/run.o', 'program/check.o'])('%s refers to nothing unsafe after fork', (object) => {
  expect(undefinedSymbols(object).filter((name) => !ALLOWED.has(name))).toEqual([]);
});

test.each(['host/child.o', 'host/packet.o'])(
  '%s refers to nothing unsafe but code checked here',
  (object) => {
    const foreign = undefinedSymbols(object).filter((name) => !ALLOWED.has(name));
    expect(foreign.filter((name) => !OWN.test(name))).toEqual([]);
  },
);

test('what a child calls of this project lies in the objects checked here', () => {
  const called = undefinedSymbols('host/child.o').filter((name) => OWN.test(name));
  const defined = ['program/run.o', 'host/packet.o'].flatMap((object) =>
    execFileSync('nm', ['--defined-only', '--format=posix', objects + object], { encoding: 'utf8' })
      .split('\n')
      .map((line) => line.split(' ')[0] as string),
  );
  expect(called.filter((name) => !defined.includes(name))).toEqual([]);
});
