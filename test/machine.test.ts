import { readFileSync } from 'node:fs';
import { expect, inject, test } from 'vitest';
import { scratchOfMachine } from './machine-mounts.ts';

test('after all other tests the mount table of this machine is what it was before them', () => {
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(inject('machineMounts'));
});

test('and nothing of theirs is left among its temporary files', () => {
  const before = new Set(inject('machineScratch'));
  expect(scratchOfMachine().filter((name) => !before.has(name))).toEqual([]);
});
