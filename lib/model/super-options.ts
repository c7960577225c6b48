import { decodeOctal } from './octal.ts';

export interface SuperOption {
  readonly key: string;
  readonly value?: string;
}

/** Printed by the kernel of itself: not accepted (`seclabel`), or the default of the machine (`inode64`). */
const PRINTED_UNASKED = new Set(['seclabel', 'inode64']);

/** Numbers that older kernels print where newer ones print words (fs/proc/root.c). */
const HIDEPID = new Map([
  ['0', 'off'],
  ['1', 'noaccess'],
  ['2', 'invisible'],
  ['4', 'ptraceable'],
]);

/**
 * The superblock options as they were given. The text is split at commas outside double quotes first (SELinux prints
 * `context="…:c1,c2"`) and octal escapes are decoded after that, because a file system prints a comma inside a value
 * as `\054`. Quotes around a value are not part of it. A filesystem's own layer of escapes is left alone.
 */
export function superOptionWords(superOptions: string): SuperOption[] {
  return splitWords(superOptions)
    .filter((word) => word !== '')
    .map((word) => {
      const equals = word.indexOf('=');
      if (equals < 0) return { key: decodeOctal(word) };
      const value = word.slice(equals + 1);
      const quoted = value.length > 1 && value.startsWith('"') && value.endsWith('"');
      return {
        key: decodeOctal(word.slice(0, equals)),
        value: decodeOctal(quoted ? value.slice(1, -1) : value),
      };
    });
}

/** Keys that newer kernels print whether or not they were set (fs/devpts, fs/hugetlbfs). */
const PRINTED_BY_DEFAULT: { readonly [type: string]: readonly string[] } = {
  devpts: ['ptmxmode'],
  hugetlbfs: ['pagesize'],
};

/**
 * {@link comparableSuperOptions} of two superblocks of one type, as one text each: a key that newer kernels print by
 * default counts only where both print it.
 */
export function comparedSuperOptions(type: string, left: string, right: string): readonly [string, string] {
  const words = [comparableSuperOptions(type, left), comparableSuperOptions(type, right)] as const;
  const defaults = Object.hasOwn(PRINTED_BY_DEFAULT, type) ? (PRINTED_BY_DEFAULT[type] ?? []) : [];
  const oneSided = defaults.filter((key) => hasKey(words[0], key) !== hasKey(words[1], key));
  const text = (list: readonly string[]) =>
    list.filter((word) => !oneSided.some((key) => isOf(word, key))).join(',');
  return [text(words[0]), text(words[1])];
}

const isOf = (word: string, key: string) => word === key || word.startsWith(`${key}=`);
const hasKey = (words: readonly string[], key: string) => words.some((word) => isOf(word, key));

/**
 * The words that two superblocks are compared by, sorted by key: without what the kernel prints unasked, and with
 * old spellings in their present form. Words of one key keep their order, which is the order of an overlay's layers.
 */
export function comparableSuperOptions(type: string, superOptions: string): string[] {
  return superOptionWords(superOptions)
    .filter(({ key, value }) => value !== undefined || !PRINTED_UNASKED.has(key))
    .map((option) => ({ key: option.key, value: presentSpelling(type, option) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ key, value }) => (value === undefined ? key : `${key}=${value}`));
}

function splitWords(text: string): string[] {
  const words: string[] = [];
  let start = 0;
  while (start <= text.length) {
    const end = wordEnd(text, start);
    words.push(text.slice(start, end));
    start = end + 1;
  }
  return words;
}

/** Where the word that starts at `start` ends. A quote counts only directly after `=` and when it is closed. */
function wordEnd(text: string, start: number): number {
  const comma = text.indexOf(',', start);
  if (comma < 0) return text.length;
  const equals = text.indexOf('=', start);
  if (equals < 0 || equals > comma || text[equals + 1] !== '"') return comma;
  for (let quote = text.indexOf('"', equals + 2); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    if (quote + 1 === text.length || text[quote + 1] === ',') return quote + 1;
  }
  return comma;
}

function presentSpelling(type: string, { key, value }: SuperOption): string | undefined {
  if (value === undefined) return undefined;
  if (type === 'proc' && key === 'hidepid') return HIDEPID.get(value) ?? value;
  if ((key === 'mode' || key === 'ptmxmode') && /^[0-7]+$/.test(value)) return value.replace(/^0+(?=.)/, '');
  return value;
}
