import { attributesOf, attributeWords } from '../flags.ts';
import { Difference, type DifferenceKind } from './difference.ts';
import type { IdMap, IdRange } from './mount.ts';
import type { Pair } from './pair.ts';
import { comparedSuperOptions } from './super-options.ts';

interface Allowances {
  readonly sameRoot: boolean;
  readonly standIn: boolean;
  readonly looseSuperOptions: boolean;
  readonly looseSource: boolean;
}

/** Whether all is literally the same, as it is of nearly every pair: no texts are made to see that. */
export function areSame({ expected, actual }: Pair): boolean {
  return (
    expected.root === actual.root &&
    expected.deleted === actual.deleted &&
    (expected.kind === actual.kind || expected.kind === 'unknown' || actual.kind === 'unknown') &&
    expected.type === actual.type &&
    expected.subtype === actual.subtype &&
    expected.superOptions === actual.superOptions &&
    expected.source === actual.source &&
    expected.propagation.unbindable === actual.propagation.unbindable &&
    (!expected.idmap || !actual.idmap) &&
    areSameWords(expected.options, actual.options)
  );
}

function areSameWords(left: readonly string[], right: readonly string[]): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i += 1) if (left[i] !== right[i]) return false;
  return true;
}

/** What differs between the two mounts taken by themselves, in the order of `DifferenceKind`. */
export function diffFields({ expected, actual }: Pair, allowances: Allowances): Difference[] {
  const found: Difference[] = [];
  const differ = (kind: DifferenceKind, expectedText: string, actualText: string) =>
    found.push(new Difference(kind, expected, expectedText, actualText));
  const compare = (kind: DifferenceKind, expectedText: string, actualText: string) => {
    if (expectedText !== actualText) differ(kind, expectedText, actualText);
  };

  if (!allowances.sameRoot) differ('root', expected.root, actual.root);
  compare('deleted', deletion(expected.deleted), deletion(actual.deleted));
  if (expected.kind !== 'unknown' && actual.kind !== 'unknown') compare('kind', expected.kind, actual.kind);

  if (!allowances.standIn) {
    compare('type', expected.type, actual.type);
    // Another filesystem has other options: that is no second difference.
    if (expected.type === actual.type) {
      compare('subtype', expected.subtype ?? '', actual.subtype ?? '');
      if (!allowances.looseSuperOptions && expected.superOptions !== actual.superOptions) {
        const [left, right] = comparedSuperOptions(expected.type, expected.superOptions, actual.superOptions);
        compare('superblock-options', left, right);
      }
    }
    if (!allowances.looseSource) compare('source', expected.source, actual.source);
  }

  const expectedBits = attributesOf(expected.options);
  const actualBits = attributesOf(actual.options);
  if (expectedBits !== actualBits) differ('attributes', attributes(expectedBits), attributes(actualBits));
  if (expected.idmap && actual.idmap) compare('idmap', idmap(expected.idmap), idmap(actual.idmap));
  compare(
    'unbindable',
    bindability(expected.propagation.unbindable),
    bindability(actual.propagation.unbindable),
  );
  return found;
}

const deletion = (deleted: boolean) => (deleted ? 'deleted' : 'not deleted');
const bindability = (unbindable: boolean) => (unbindable ? 'unbindable' : 'not unbindable');
const attributes = (bits: number) => attributeWords(bits).join(',');

/** `0 100000 65536` for each range, as /proc/PID/uid_map has it. */
function idmap({ uid, gid }: IdMap): string {
  const ranges = (list: readonly IdRange[]) =>
    [...list]
      .sort((a, b) => a.inside - b.inside)
      .map(({ inside, outside, length }) => `${inside} ${outside} ${length}`)
      .join(', ');
  return `uid ${ranges(uid)}; gid ${ranges(gid)}`;
}
