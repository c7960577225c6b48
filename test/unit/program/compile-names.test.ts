import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../lib/errors.ts';
import { encodeBytes } from '../../../lib/model/bytes.ts';
import type { MountTree } from '../../../lib/model/tree.ts';
import type { RestoreOptions } from '../../../lib/plan/options/options.ts';
import { decodeOp, opCounts } from '../../../lib/program/decode.ts';
import { describeOp, listProgram } from '../../../lib/program/listing.ts';
import { hostFacts, onDisk } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { disk, ROOT } from '../plan/planned.ts';
import { compile, listing } from './compiled.ts';
import { slotUse } from './slots.ts';

describe('a path longer than PATH_MAX', () => {
  const component = 'n'.repeat(200);
  const long = (count: number, name = component) => Array.from({ length: count }, () => name).join('/');
  const opsOf = (tree: MountTree, options: RestoreOptions = {}, facts = hostFacts()) => {
    const program = compile(tree, options, facts);
    const use = slotUse(program);
    expect([use.faults, use.leftOpen]).toEqual([[], []]);
    return Array.from({ length: opCounts(program.bytes).main }, (_, i) => decodeOp(program.bytes, i));
  };
  const longest = (ops: ReturnType<typeof opsOf>) =>
    Math.max(...ops.flatMap(({ s1, s2 }) => [s1, s2]).map((path) => encodeBytes(path ?? '').length));

  test('is walked in pieces when something is made, cloned, placed, renamed and deleted there', () => {
    const deletedTwice = { device: '0:1', root: `/${long(45)}` };
    const tree = treeOf(
      ROOT,
      mount(2, 1, `/${long(41)}`),
      mount(3, 1, '/a', { ...deletedTwice, deleted: true }),
      mount(4, 1, '/b', deletedTwice),
    );
    const ops = opsOf(tree);
    expect(longest(ops)).toBeLessThan(4096);
    const walked = ops.filter(({ name, s1 }) => name === 'openat2' && s1?.includes(component));
    const pieces = walked.map(({ s1 }) => s1?.split('/').length);
    // Nodes that are made or deleted one below the other go on from where the last was.
    expect(new Set(pieces)).toEqual(new Set([1, 19]));
    const placed = ops.filter(({ name, s2 }) => name === 'move_mount' && s2?.includes(component));
    expect(placed.map(({ s2 }) => s2?.split('/').length)).toEqual([3]);
  });

  test('is walked in pieces below a host path too', () => {
    const tree = treeOf(mount(1, 0, '/', disk), mount(2, 1, `/${long(30)}`));
    const ops = opsOf(tree, { root: '/r' }, hostFacts({ sources: { '/r': onDisk('/r') } }));
    expect(longest(ops)).toBeLessThan(4096);
    expect(
      ops.filter(({ name, a }) => name === 'openat2' && a !== 2).map(({ s1 }) => s1?.split('/').length),
    ).toContain(11);
  });

  test('is measured in bytes', () => {
    for (const name of ['é'.repeat(100), '\udcff'.repeat(200), '😀'.repeat(50)]) {
      expect(longest(opsOf(treeOf(ROOT, mount(2, 1, `/${long(40, name)}`))))).toBeLessThan(4096);
    }
  });

  test('with a single name that no filesystem takes is refused', () => {
    expect(() => compile(treeOf(ROOT, mount(2, 1, `/${'n'.repeat(5000)}`)))).toThrow(UsageError);
  });
});

describe('a source', () => {
  test('of up to 255 bytes is a parameter', () => {
    expect(listing(treeOf(mount(1, 0, '/', { source: 'x'.repeat(255) })))[0]).toMatch(/^fsopen\(/);
  });

  test('longer than that goes through mount(2), in a namespace that is left again', () => {
    const source = `/${'é'.repeat(128)}`;
    const tree = treeOf(mount(1, 0, '/', { source, superOptions: 'rw,size=4k,noswap' }));
    expect(listing(tree).slice(0, 10)).toEqual([
      'openat2(0<proc>, "thread-self/ns/mnt", {flags=O_CLOEXEC}) = 4<caller namespace>',
      'unshare(CLONE_NEWNS)',
      'openat2(0<proc>, "thread-self/ns/mnt", {flags=O_CLOEXEC}) = 5<new namespace>',
      'setns(5<new namespace>, CLONE_NEWNS)',
      'close(5<new namespace>)',
      'mount(NULL, "/", NULL, MS_REC|MS_PRIVATE, NULL)',
      `mount("${source}", "/", "tmpfs", 0, "size=4k,noswap")`,
      'open_tree(AT_FDCWD, "/..", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC) = 3<root>',
      'umount2("/..", MNT_DETACH)',
      'setns(4<caller namespace>, CLONE_NEWNS)',
    ]);
  });
});

describe('hostile names', () => {
  const hostile = 'a\n\x1b[31m"\\\u202e\u2028\udcff\x7f\x85';

  test('are escaped in a listing, in strings and in what a fd stands for', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, `/${hostile}`, { source: hostile, device: '0:2' }),
      mount(3, 1, '/b', { device: '0:2', root: `/${hostile}` }),
    );
    const lines = listing(tree);
    for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
    const shown = 'a\\x0a\\x1b[31m\\"\\\\\\u{202e}\\u{2028}\\xff\\x7f\\x85';
    expect(lines.some((line) => line.includes(`, "source", "${shown}", 0)`))).toBe(true);
    expect(lines.some((line) => line.startsWith('mkdirat(') && line.includes(`, "${shown}", 0755)`))).toBe(
      true,
    );
    expect(lines.some((line) => line.includes('</a\\x0a\\x1b[31m'))).toBe(true);
  });

  test('with a NUL byte are refused', () => {
    expect(() => compile(treeOf(ROOT, mount(2, 1, '/a\0b')))).toThrow(UsageError);
    expect(() => compile(treeOf(mount(1, 0, '/', { source: 'a\0b' })))).toThrow(UsageError);
  });

  test('of types are quoted', () => {
    const program = compile(treeOf(ROOT, mount(2, 1, '/a', { type: 'x"\n', device: '0:2' })), {
      standIn: 'all',
    });
    expect(describeOp(program, 0)).toBe('fsopen("tmpfs", FSOPEN_CLOEXEC) = 4<tmpfs context>');
    expect(listProgram(program).join('\n')).toContain('"source", "stand-in-x\\"\\x0a", 0)');
  });
});
