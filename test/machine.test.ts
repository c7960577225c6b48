import { readFileSync } from 'node:fs';
import { expect, inject, test } from 'vitest';

test('after all other tests the mount table of this machine is what it was before them', () => {
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(inject('machineMounts'));
});
