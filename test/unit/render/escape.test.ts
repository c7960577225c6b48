import { describe, expect, test } from 'vitest';
import { readWord } from '../../../lib/cli/words.ts';
import { blockText, lineText, nameText } from '../../../lib/render/escape.ts';

const ESC = '\u001b';

describe('a name', () => {
  test('of ordinary text stays as it is', () => {
    expect(nameText('/srv/Müller/データ')).toBe('/srv/Müller/データ');
  });

  test('without text is shown as two quotes', () => {
    expect(nameText('')).toBe('""');
  });

  test.each([
    ['a terminal sequence', `/a${ESC}[2J`, String.raw`/a\033[2J`],
    ['a newline and a carriage return', '/a\n\r', String.raw`/a\012\015`],
    ['a C1 control', '/a\u009b1m', String.raw`/a\302\2331m`],
    ['a blank, which would forge a column', '/a b\u00a0c', String.raw`/a\040b\302\240c`],
    ['a backslash, which would forge an escape', String.raw`/a\040`, String.raw`/a\134040`],
    ['what turns text around', '/a\u202egnp.exe', String.raw`/a\342\200\256gnp.exe`],
    ['what cannot be seen', '/a\u200bb\ufeff', String.raw`/a\342\200\213b\357\273\277`],
    ['a line separator', '/a\u2028b', String.raw`/a\342\200\250b`],
    ['a byte that is no text', '/a\udcff', String.raw`/a\377`],
    ['a replacement character, which looks like a lost byte', '/a\ufffd', String.raw`/a\357\277\275`],
    ['a surrogate that stands for no byte', '/a\ud800', String.raw`/a\ud800`],
  ])('shows %s as octal bytes', (_, name, shown) => {
    expect(nameText(name)).toBe(shown);
  });

  test('reads back from the command line as the same name', () => {
    for (const name of [
      '/a b',
      '/\\',
      '/\\040',
      '/é\u202e',
      '/x\udc80\udcff',
      '/=',
      `/${ESC}`,
      '/\u0001\ufffd',
    ]) {
      expect(readWord(nameText(name))).toBe(name);
    }
  });
});

test('a line keeps its blanks and backslashes, and is one line', () => {
  expect(lineText(`path=C:\\Program Files\n${ESC}]0;x`)).toBe(String.raw`path=C:\Program Files\012\033]0;x`);
});

test('a block keeps its lines', () => {
  expect(blockText(`one\n  two${ESC}`)).toBe('one\n  two\\033');
});
