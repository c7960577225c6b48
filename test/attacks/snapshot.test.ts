import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { MalformedTreeError, MountyardError, ParseError } from '../../lib/errors.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { formatSnapshot, parseSnapshot } from '../../lib/formats/snapshot.ts';
import { MountTree } from '../../lib/model/tree.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import { UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import type { RestorePlan } from '../../lib/plan/plan.ts';
import { planRestore } from '../../lib/plan/restore.ts';
import { UNKNOWN_HOST } from '../../lib/plan/unknown-host.ts';
import { compileRestore } from '../../lib/program/compile.ts';
import { inspectHostHolding } from '../../lib/system/inspect/inspect.ts';
import { executeSync } from '../../lib/system/restore/execute.ts';
import { restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { hostFacts } from '../support/facts.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { expectUnmet } from '../support/refusal.ts';
import { mountTable } from '../support/scratch-mount.ts';

const ROOT = '1 0 0:1 / / rw,relatime - tmpfs root rw\n';
const withLines = (...lines: string[]) => parseMountinfo(`${ROOT}${lines.join('\n')}\n`);

/** What a plan would make, as `type key=value,…`. */
const madeBy = ({ origins }: RestorePlan) =>
  origins.map((origin) =>
    origin.kind === 'host'
      ? `host ${origin.source}`
      : [origin.type, origin.parameters.map(({ key, value }) => `${key}=${value}`).join(',')].join(' '),
  );

describe('a filesystem that only the host can give', () => {
  test.each([
    ['a block device', 'ext4 /dev/vda1 rw'],
    ['another one', 'xfs /dev/sda rw'],
    ['an overlay over host directories', 'overlay overlay rw,lowerdir=/,upperdir=/etc,workdir=/tmp'],
    ['a FUSE of an inherited fd', 'fuse.x x rw,fd=0,rootmode=40000,user_id=0,group_id=0'],
    ['a 9p over inherited fds', '9p x rw,trans=fd,rfdno=0,wfdno=1'],
    ['an NFS', 'nfs4 evil.example:/ rw,addr=192.0.2.1'],
    ['an autofs with a pipe', 'autofs x rw,fd=0,pgrp=1,minproto=5,maxproto=5'],
    ['a type that is a key of every object', '__proto__ x rw'],
    ['another such type', 'constructor x rw'],
  ])('%s is asked for, and never made', async (_, filesystem) => {
    const tree = withLines(`2 1 0:2 / /a rw - ${filesystem}`);
    await expectUnmet(tree, {}, [['external', '/a']]);
    await expectUnmet(tree, { fresh: 'all' }, [['external', '/a']]);
    const plan = planRestore(tree, { standIn: 'all' }, UNKNOWN_HOST);
    expect(madeBy(plan)).toEqual(['tmpfs ', 'tmpfs mode=755']);
  });

  test('does not pass as a second mount of a filesystem that may be made', () => {
    for (const [first, second] of [
      ['sysfs s', 'ext4 /dev/vda1'],
      ['tmpfs t', 'overlay o'],
      ['cgroup2 c', 'ext4 /dev/vda1'],
    ]) {
      const tree = withLines(`2 1 0:2 / /a rw - ${first} rw`, `3 1 0:2 / /b rw - ${second} rw,lowerdir=/`);
      expect(tree.problems).toMatchObject([{ code: 'superblock-types' }]);
      for (const options of [{}, { standIn: 'all' }] satisfies RestoreOptions[]) {
        expect(() => planRestore(tree, options, UNKNOWN_HOST)).toThrow(MalformedTreeError);
      }
    }
  });

  test('nor across namespaces', () => {
    const other = parseMountinfo('11 10 0:2 / / rw - ext4 /dev/vda1 rw\n');
    const tree = withLines('2 1 0:2 / /a rw - sysfs s rw');
    expect(() => planRestore({ namespaces: [tree, other] }, {}, UNKNOWN_HOST)).toThrow(/two types/);
  });
});

describe('options that only a later mount of a superblock shows', () => {
  test('make no cgroup hierarchy', () => {
    const tree = withLines(
      '2 1 0:2 / /b rw - cgroup one rw,cpuacct',
      '3 1 0:2 / /a rw - cgroup two rw,name=evil,release_agent=/tmp/x',
    );
    expect(madeBy(planRestore(tree, {}, hostFacts())).filter((made) => made.includes('evil'))).toEqual([]);
    expect(madeBy(planRestore(tree, {}, UNKNOWN_HOST)).filter((made) => made.includes('evil'))).toEqual([]);
  });

  test('are not taken: those of the first are, which were checked', () => {
    const tree = withLines('3 1 0:2 / /b rw - tmpfs t rw,size=4k', '2 1 0:2 / /a rw - tmpfs t rw,size=900g');
    expect(madeBy(planRestore(tree, {}, UNKNOWN_HOST))).toEqual(['tmpfs ', 'tmpfs size=4k']);
  });
});

describe.skipIf(!isMachineRoot)('a root or mount point that is a magic link of proc', () => {
  expectNoLeakedFds();
  const LINKS = [
    '/1/root',
    '/self/root',
    '/self/cwd',
    '/thread-self/root/etc',
    '/self/fd/0',
    '/1/exe',
    '/1/ns/mnt',
  ];

  test.each(LINKS)('%s is refused beforehand', async (link) => {
    const tree = withLines('2 1 0:2 / /proc rw - proc proc rw', `3 1 0:2 ${link} /a rw - proc proc rw`);
    const before = mountTable();
    await expectUnmet(tree, {}, [['path', '/a']]);
    expect(mountTable()).toBe(before);
  });

  /** As when facts were gathered on another host, or by a liar. */
  test.each(LINKS)('%s is refused by the kernel when inspection says that it is a directory', (link) => {
    for (const line of [`3 1 0:2 ${link} /a rw - proc proc rw`, `3 2 0:3 / /proc${link} rw - tmpfs t rw`]) {
      const tree = withLines('2 1 0:2 / /proc rw - proc proc rw', line);
      const { held } = inspectHostHolding(tree, {});
      using _held = held;
      const plan = planRestore(tree, {}, UNKNOWN_HOST);
      const program = compileRestore(plan);
      const before = mountTable();
      const run = () => executeSync({ plan, program, held, place: { kind: 'thread' } });
      // EINVAL: the link itself, not what it leads to, would be mounted on a directory.
      expect(run).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^(?:ELOOP|EINVAL)$/), mount: 3 }),
      );
      expect(mountTable()).toBe(before);
    }
  });

  test('symlinks of sysfs lead nowhere either', async () => {
    const tree = withLines('2 1 0:2 / /sys rw - sysfs s rw', '3 1 0:2 /class/net/lo /a rw - sysfs s rw');
    const [requirement] = await expectUnmet(tree, {}, [['path', '/a']]);
    expect(requirement?.reason).toContain('is a symlink');
  });
});

describe('names that JavaScript knows', () => {
  test.skipIf(!isMachineRoot)('are restored as any others', () => {
    const names = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'valueOf'];
    const tree = withLines(
      ...names.map((name, i) => `${i + 2} 1 0:${i + 2} / /${name} rw,relatime - tmpfs ${name} rw`),
    );
    using restored = restoreTreeSync(parseSnapshot(formatSnapshot({ namespaces: [tree] })));
    expect(restored.differences).toEqual([]);
    expect(names.map((name) => restored.tree.at(`/${name}`)?.source)).toEqual(names);
    const skipped = planRestore(tree, { skip: ['/__proto__'] }, UNKNOWN_HOST);
    expect(skipped.target.tree.size).toBe(names.length);
  });

  const record = (change: string) =>
    `{"format":"mountyard-snapshot","version":1,"namespaces":[{"mounts":[{"id":1,"parentId":0,"mountPoint":"/",` +
    `"device":"0:1","root":"/","options":["rw"],"type":"tmpfs","source":"x","superOptions":"rw"${change}}]}]}`;

  test.each([
    ['in a mount', record(',"__proto__":{"deleted":true}')],
    ['in its propagation', record(',"propagation":{"__proto__":{"shared":1}}')],
    ['in its idmap', record(',"idmap":{"uid":[],"gid":[],"__proto__":{}}')],
    ['in the whole', record('').replace('"version"', '"__proto__":{"polluted":true},"version"')],
    ['beside the mounts', record('').replace('"mounts"', '"constructor":{"prototype":{}},"mounts"')],
  ])('as keys of the JSON are refused: %s', (_, json) => {
    expect(parseSnapshot(record('')).namespaces[0]?.size).toBe(1);
    expect(() => parseSnapshot(json)).toThrow(ParseError);
    expect(Object.prototype).not.toHaveProperty('polluted');
    expect(Object.prototype).not.toHaveProperty('deleted');
  });
});

describe('hostile sizes', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  /** A mount is some 600 bytes, and its line may be 40. */
  const MOST_BYTES_FOR_ONE = 40;
  const MIB = 1 << 20;

  const many = (count: number, line: (index: number) => string) =>
    Array.from({ length: count }, (_, i) => line(i));
  const bracket = (count: number) => '['.repeat(count) + ']'.repeat(count);
  const json = (mounts: string) =>
    `{"format":"mountyard-snapshot","version":1,"namespaces":[{"mounts":${mounts}}]}`;

  test.each<[string, () => string]>([
    ['many mounts', () => many(100_000, (i) => `${i + 1} ${i} 0:1 / / rw - t s rw`).join('\n')],
    ['one option list of a million words', () => `1 0 0:1 / / ${'x,'.repeat(MIB)} - t s rw\n`],
    [
      'a million optional fields',
      () => `1 0 0:1 / / rw ${many(500_000, (i) => `a:${i}`).join(' ')} - t s rw\n`,
    ],
    [
      'a path of a million components',
      () => `1 0 0:1 ${'/a'.repeat(MIB)} ${'/..'.repeat(MIB)} rw - t s rw\n`,
    ],
    ['escapes', () => `1 0 0:1 / /${'\\134'.repeat(MIB)} rw - t s rw\n`],
    ['deep JSON', () => json(bracket(MIB))],
    ['deep JSON beside what is known', () => `{"x":${bracket(MIB)}}`],
    [
      'JSON with one id a hundred thousand times',
      () => json(`[${many(100_000, () => '{"id":1}').join(',')}]`),
    ],
    ['a number of a million digits', () => json(`[{"id":${'9'.repeat(MIB)}}]`)],
  ])('%s take memory in proportion', (_, make) => {
    const input = make();
    const before = used();
    let result: unknown;
    try {
      result = input.startsWith('{') ? parseSnapshot(input) : parseMountinfo(input);
      if (result instanceof MountTree) expect(result.problems.length).toBeGreaterThanOrEqual(0);
    } catch (error) {
      if (!(error instanceof MountyardError)) throw error;
      expect(error.message.length).toBeLessThan(1000);
      result = error;
    }
    expect(used() - before).toBeLessThan(MOST_BYTES_FOR_ONE * input.length);
    expect(result).toBeDefined();
  });

  /** An op is 64 bytes, and a directory in a path may be two. */
  const MOST_PROGRAM_FOR_ONE = 200;
  const DEPTH = 5_000;
  const deep = '/d'.repeat(DEPTH);

  test.each<[string, readonly string[]]>([
    ['a mount point', [`2 1 0:2 / ${deep} rw - tmpfs t rw`]],
    ['a root', [`2 1 0:2 ${deep} /a rw - tmpfs t rw`]],
    [
      'one that was deleted below another',
      [`2 1 0:2 /d//deleted /a rw - tmpfs t rw`, `3 1 0:2 ${deep}//deleted /b rw - tmpfs t rw`],
    ],
    ['many of those', many(20, (i) => `${i + 2} 1 0:2 ${deep}/${i} /a${i} rw - tmpfs t rw`)],
  ])('a path that is deep takes a program in proportion: %s', (_, lines) => {
    const tree = withLines(...lines);
    const { bytes } = compileRestore(planRestore(tree, { standIn: 'all' }, UNKNOWN_HOST));
    expect(bytes.length).toBeGreaterThan(DEPTH * 64);
    expect(bytes.length).toBeLessThan(MOST_PROGRAM_FOR_ONE * lines.join('\n').length);
  });

  test('a path of more than 65,536 characters is none that a kernel prints', () => {
    for (const line of [`2 1 0:2 / ${'/d'.repeat(33_000)} rw`, `2 1 0:2 ${'/d'.repeat(33_000)} /a rw`]) {
      const tree = withLines(`${line} - tmpfs t rw`);
      expect(tree.problems).toMatchObject([{ code: 'long-path' }]);
      expect(() => planRestore(tree, { standIn: 'all' }, UNKNOWN_HOST)).toThrow(MalformedTreeError);
      expect(tree.problems[0]?.reason.length).toBeLessThan(200);
    }
  });

  test('a refusal of many mounts is no longer than they are', () => {
    const lines = many(5_000, (i) => `${i + 2} 1 0:${i + 2} / /m${i} rw - ext4 /dev/sd${i} rw`);
    const input = ROOT + lines.join('\n');
    let refusal: unknown;
    try {
      planRestore(parseMountinfo(input), {}, UNKNOWN_HOST);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(UnmetRequirementsError);
    expect((refusal as Error).message.length).toBeLessThan(20 * input.length);
  });
});
