import { describe, expect, test } from 'vitest';
import { readHostPath, readIdMap, readTarget, readWord, splitAtEquals } from '../../lib/cli/words.ts';

describe('a word of the command line', () => {
  test.each([
    ['/plain', '/plain'],
    [String.raw`/a\040b`, '/a b'],
    [String.raw`/\303\244`, '/ä'],
    [String.raw`/\377\200`, '/\udcff\udc80'],
    [String.raw`/a\=b`, '/a=b'],
    [String.raw`/a\\040`, String.raw`/a\040`],
    [String.raw`C:\x`, String.raw`C:\x`],
    [String.raw`/\777`, String.raw`/\777`],
  ])('%s is %j', (typed, meant) => {
    expect(readWord(typed)).toBe(meant);
  });

  test('with a byte that Node has lost is refused', () => {
    expect(() => readWord('/a\ufffd')).toThrow(/backslash and three octal digits/);
  });
});

test('T=S splits at the first = that no backslash escapes', () => {
  expect(splitAtEquals('/t=/s=1')).toEqual(['/t', '/s=1']);
  expect(splitAtEquals(String.raw`/a\=b=/s`)).toEqual([String.raw`/a\=b`, '/s']);
  expect(splitAtEquals(String.raw`/a\\=/s`)).toEqual([String.raw`/a\\`, '/s']);
  expect(splitAtEquals('/t')).toEqual(['/t', undefined]);
  expect(splitAtEquals('/t=')).toEqual(['/t', '']);
});

test('a target is a mount point or #ID', () => {
  expect(readTarget('#12')).toBe('#12');
  expect(readTarget('/a')).toBe('/a');
  for (const word of ['a', '#', '#1x', '', 'all'])
    expect(() => readTarget(word)).toThrow(/starts with \/, or as #ID/);
});

test('a host path may be relative, and is never empty', () => {
  expect(readHostPath('x/../y')).toBe(`${process.cwd()}/x/../y`);
  expect(() => readHostPath('')).toThrow('empty');
});

test('an idmap is written as mount(8) does', () => {
  expect(readIdMap('u:0:1000:1,g:0:2000:5')).toEqual({
    uid: [{ inside: 0, outside: 1000, length: 1 }],
    gid: [{ inside: 0, outside: 2000, length: 5 }],
  });
  expect(readIdMap('b:0:100000:65536')).toEqual(readIdMap('u:0:100000:65536 g:0:100000:65536'));
  expect(() => readIdMap('u:0:1:1')).toThrow('for users and for groups');
  expect(() => readIdMap('x:0:1:1')).toThrow('a range is');
});
