import { expect, test } from 'vitest';
import {
  isCleanAbsolute,
  isInside,
  joinPath,
  parentPath,
  pathComponents,
  relativePath,
} from '../../../lib/model/paths.ts';

test.each([
  ['/', '', '/'],
  ['/', 'a', '/a'],
  ['/a', '', '/a'],
  ['/a', 'b/c', '/a/b/c'],
  ['/a', '/b', '/a/b'],
  ['/', '/', '/'],
])('%s joined with %j is %s', (base, relative, joined) => {
  expect(joinPath(base, relative)).toBe(joined);
});

test.each([
  ['/', '/', ''],
  ['/', '/a/b', 'a/b'],
  ['/a', '/a', ''],
  ['/a', '/a/b', 'b'],
  ['/a', '/ab', undefined],
  ['/a/b', '/a', undefined],
])('from %s, %s is %j', (base, path, relative) => {
  expect(relativePath(base, path)).toBe(relative);
  expect(isInside(base, path)).toBe(relative !== undefined);
});

test('components and parents follow the slashes', () => {
  expect(pathComponents('/')).toEqual([]);
  expect(pathComponents('/a/b c/..')).toEqual(['a', 'b c', '..']);
  expect(parentPath('/a/b')).toBe('/a');
  expect(parentPath('/a')).toBe('/');
  expect(parentPath('/')).toBe('/');
});

test.each(['/', '/a', '/a/b', '/...', '/.a', '/a..', '/a b\n', '/\udcff'])('%j is clean', (path) => {
  expect(isCleanAbsolute(path)).toBe(true);
});

test.each(['', 'a', 'a/b', '/a/', '//', '//a', '/a//b', '/.', '/..', '/a/../b', '/a/.', './a', '/a/./b'])(
  '%j is not clean',
  (path) => {
    expect(isCleanAbsolute(path)).toBe(false);
  },
);
