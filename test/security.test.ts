import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const page = readFileSync('docs/security.md', 'utf8');
const named = [...page.matchAll(/(?<![\w/.])(?:test|docs)\/[\w./-]+\.(?:test\.ts|cpp|md)/g)].map(
  ([path]) => path,
);
const between = (start: string, end: string) => page.slice(page.indexOf(start), page.indexOf(end));

describe('docs/security.md', () => {
  test('names files that exist', () => {
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((path) => !existsSync(path))).toEqual([]);
  });

  test('leaves out no test of an attack', () => {
    const attacks = readdirSync('test/attacks').map((name) => `test/attacks/${name}`);
    expect(attacks.filter((path) => !named.includes(path))).toEqual([]);
  });

  test('has tests for each promise', () => {
    const promises = between('## Promises', '## Fuzzing').split('\n### ').slice(1);
    expect(promises.length).toBeGreaterThanOrEqual(6);
    const bare = promises.filter((promise) => !/^- test\//m.test(promise));
    expect(bare.map((promise) => promise.split('\n')[0])).toEqual([]);
  });
});
