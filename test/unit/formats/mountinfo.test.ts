import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatMountinfo, parseMountinfo } from '../../../lib/formats/mountinfo.ts';
import { decodeBytes, encodeBytes } from '../../../lib/model/bytes.ts';
import type { Mount } from '../../../lib/model/mount.ts';
import { superOptionWords } from '../../../lib/model/super-options.ts';
import { MountTree } from '../../../lib/model/tree.ts';
import { mount } from '../model/mounts.ts';
import { borrowed, table, tables } from './tables.ts';

const one = (line: string | Uint8Array): Mount => parseMountinfo(line).mounts[0] as Mount;
const found = borrowed('found');

test('each field of a line has its place in the mount', () => {
  const line =
    '36 35 98:0 /mnt1//deleted /mnt2 rw,noatime shared:3 master:1 propagate_from:2 new:tag - fuse.ssh.fs host:/x rw,user_id=0';
  expect(one(line)).toEqual({
    id: 36,
    parentId: 35,
    device: '98:0',
    root: '/mnt1',
    deleted: true,
    mountPoint: '/mnt2',
    options: ['rw', 'noatime'],
    propagation: { shared: 3, master: 1, propagateFrom: 2, unbindable: false },
    unknownTags: ['new:tag'],
    type: 'fuse',
    subtype: 'ssh.fs',
    source: 'host:/x',
    superOptions: 'rw,user_id=0',
    kind: 'unknown',
  });
});

test('unbindable and private mounts are told apart', () => {
  expect(one('2 1 0:5 / / rw unbindable - tmpfs x rw').propagation).toEqual({ unbindable: true });
  expect(one('2 1 0:5 / / rw - tmpfs x rw').propagation).toEqual({ unbindable: false });
  expect(one('2 1 0:5 / / rw master:4 unbindable - tmpfs x rw').propagation).toEqual({
    master: 4,
    unbindable: true,
  });
});

test('an empty input is an empty tree', () => {
  expect(parseMountinfo('').size).toBe(0);
  expect(formatMountinfo(parseMountinfo(''))).toEqual(Buffer.alloc(0));
});

test('the last line may lack its line feed, and gets it back', () => {
  expect(formatMountinfo(parseMountinfo('2 1 0:5 / / rw - tmpfs x rw')).toString()).toBe(
    '2 1 0:5 / / rw - tmpfs x rw\n',
  );
});

test('a source can be empty, a dash, or look like the end of a line', () => {
  expect(one('2 1 0:5 / / rw - tmpfs  rw').source).toBe('');
  expect(one('2 1 0:5 / / rw - tmpfs - rw').source).toBe('-');
  expect(one('2 1 0:5 / / rw - tmpfs -\\040ext4\\040/dev/sda1\\040rw rw').source).toBe('- ext4 /dev/sda1 rw');
});

test('superblock options run to the end of the line, undecoded', () => {
  expect(one('2 1 0:5 / / rw - 9p drvfs rw,path=C:\\Program Files,mmap').superOptions).toBe(
    'rw,path=C:\\Program Files,mmap',
  );
  expect(one('2 1 0:5 / / rw - overlay overlay rw,upperdir=/a\\054b').superOptions).toBe(
    'rw,upperdir=/a\\054b',
  );
});

test.each([
  ['CR', '\r'],
  ['vertical tab', '\v'],
  ['NEL', '\u0085'],
  ['a no-break space', '\u00a0'],
  ['a line separator', '\u2028'],
  ['DEL', '\x7f'],
  ['a byte that is no UTF-8', '\udcff'],
])('%s does not end a field or a line', (_, character) => {
  const tree = parseMountinfo(`2 1 0:5 / /a${character}b rw - tmpfs x${character} rw\n`);
  expect(tree.mounts.map(({ mountPoint, source }) => [mountPoint, source])).toEqual([
    [`/a${character}b`, `x${character}`],
  ]);
});

test('escapes are decoded once, after splitting', () => {
  expect(one('2 1 0:5 / /a\\134040b\\040c\\011\\012\\303\\274\\377 rw - tmpfs a\\043b rw')).toMatchObject({
    mountPoint: '/a\\040b c\t\nü\udcff',
    source: 'a#b',
  });
});

test('a changed mount is not printed as it was read', () => {
  const read = one('2 1 0:5 / /a\\057b rw - tmpfs x rw');
  expect(read.verbatim).toBe('2 1 0:5 / /a\\057b rw - tmpfs x rw');
  expect(formatMountinfo(new MountTree([read])).toString()).toBe('2 1 0:5 / /a\\057b rw - tmpfs x rw\n');
  const moved = { ...read, mountPoint: '/c' };
  expect(formatMountinfo(new MountTree([moved])).toString()).toBe('2 1 0:5 / /c rw - tmpfs x rw\n');
});

test.each(tables)('%s comes back byte for byte, needs no line verbatim, and is a legal tree', (name) => {
  const tree = parseMountinfo(table(name));
  expect(formatMountinfo(tree).equals(table(name))).toBe(true);
  expect(tree.mounts.filter((m) => m.verbatim !== undefined)).toEqual([]);
  expect(tree.problems).toEqual([]);
  expect([...tree.walk()]).toHaveLength(tree.size);
});

describe('tables of other projects', () => {
  if (found.names.length === 0)
    test('come back', ({ skip }) => skip('no ../shared/tables/found beside this checkout'));

  test.each(found.names)('%s comes back byte for byte', (name) => {
    const bytes = found.read(name);
    expect(formatMountinfo(parseMountinfo(bytes)).equals(bytes)).toBe(true);
  });
});

interface Expected {
  readonly mountpoint_hex: string;
  readonly root_hex?: string;
  readonly source_hex?: string;
  readonly subtype_hex?: string;
  readonly fstype?: string;
  readonly error?: string;
}

const unhex = (hex: string) => decodeBytes(Buffer.from(hex, 'hex'));

describe.each(['gen-escapes-mountpoints', 'gen-escapes-roots', 'gen-escapes-sources', 'gen-fuse-subtypes'])(
  '%s',
  (name) => {
    const entries = (JSON.parse(table(`expected/${name}.json`).toString()) as Expected[]).filter(
      ({ error }) => !error,
    );
    const mountOf = (entry: Expected, i: number): Mount => ({
      ...mount(i + 2, 1, unhex(entry.mountpoint_hex), { kind: 'unknown' }),
      ...(entry.root_hex === undefined ? {} : { root: unhex(entry.root_hex) }),
      ...(entry.source_hex === undefined ? {} : { source: unhex(entry.source_hex) }),
      ...(entry.subtype_hex ? { type: 'fuse', subtype: unhex(entry.subtype_hex) } : {}),
    });

    test('the true bytes survive being printed and read', () => {
      const mounts = entries.map(mountOf);
      expect(parseMountinfo(formatMountinfo(new MountTree(mounts))).mounts).toEqual(mounts);
    });

    if (!tables.includes(`made/${name}.mountinfo`)) return; // the bytes are known, the table is not given out
    test('the true bytes are what the table decodes to', () => {
      const byMountPoint = new Map(
        parseMountinfo(table(`made/${name}.mountinfo`)).mounts.map((m) => [m.mountPoint, m]),
      );
      for (const entry of entries) {
        const read = byMountPoint.get(unhex(entry.mountpoint_hex));
        expect(read?.root).toBe(unhex(entry.root_hex ?? '2f'));
        expect(read?.source).toBe(entry.source_hex === undefined ? 'none' : unhex(entry.source_hex));
        expect(read?.type).toBe(entry.fstype);
      }
    });
  },
);

test('the options of overlays decode to the paths that they were made of', () => {
  interface Overlay {
    readonly mountpoint_hex?: string;
    readonly lower?: readonly string[];
    readonly upper?: string;
    readonly work?: string;
    readonly data_hex?: string;
  }
  const made = parseMountinfo(table('made/gen-overlay-options.mountinfo'));
  const overlays = JSON.parse(table('expected/gen-overlay-options.json').toString()) as Overlay[];
  for (const { mountpoint_hex, lower, upper, work, data_hex } of overlays) {
    if (mountpoint_hex === undefined) continue; // the kernel refused that one
    const words = superOptionWords(made.at(unhex(mountpoint_hex))?.superOptions ?? '');
    const paths = words.filter(({ key }) => /^(?:lowerdir\+?|upperdir|workdir)$/.test(key));
    const given =
      data_hex === undefined
        ? [
            ...(lower ?? []).map((path) => `lowerdir+=${unhex(path)}`),
            `upperdir=${unhex(upper ?? '')}`,
            `workdir=${unhex(work ?? '')}`,
          ].join()
        : unhex(data_hex);
    expect(paths.map(({ key, value }) => `${key}=${value}`).join()).toBe(given);
  }
  expect(overlays.length).toBeGreaterThan(10);
});

test('whatever bytes a mount has, they survive being printed and read', () => {
  const name = fc
    .array(
      fc.oneof(
        fc.constantFrom(0x20, 0x09, 0x0a, 0x5c, 0x23, 0x2d, 0x30, 0x34),
        fc.integer({ min: 1, max: 255 }),
      ),
      {
        minLength: 1,
        maxLength: 8,
      },
    )
    .map((bytes) => decodeBytes(Buffer.from(bytes)));
  const path = name.map((text) => `/${text.replaceAll('/', '_')}`);
  const id = fc.integer({ min: 0, max: 0x7fffffff });
  const anyMount = fc.record({
    id,
    path,
    root: path,
    source: fc.oneof(fc.constant(''), name),
    tag: name,
    shared: id,
  });
  fc.assert(
    fc.property(fc.array(anyMount, { maxLength: 4 }), (sketches) => {
      const mounts = sketches.map(({ id, path, root, source, tag, shared }) =>
        mount(id, shared, path, {
          root,
          source,
          unknownTags: [`x${tag}`],
          propagation: { shared },
          kind: 'unknown',
        }),
      );
      expect(parseMountinfo(formatMountinfo(new MountTree(mounts))).mounts).toEqual(mounts);
    }),
  );
});

test('whatever the bytes, what is accepted comes back', () => {
  const field = fc.constantFrom(
    '1',
    '07',
    '0:5',
    '/',
    '/a\\040b',
    '/a\\057',
    'rw',
    'shared:1',
    'shared:x',
    '-',
    '',
    'tmpfs',
    'a.b',
    '\\',
    '\udcff',
    '\r',
  );
  const line = fc.oneof(
    fc.array(field, { maxLength: 12 }),
    fc
      .tuple(fc.array(field, { maxLength: 3 }), fc.array(field, { minLength: 3, maxLength: 5 }))
      .map(([tags, tail]) => [...['2', '1', '0:5', '/', '/x', 'rw'], ...tags, '-', ...tail]),
  );
  let accepted = 0;
  fc.assert(
    fc.property(line, (fields) => {
      const text = `${fields.join(' ')}\n`;
      try {
        const tree = parseMountinfo(text);
        accepted += 1;
        expect(formatMountinfo(tree)).toEqual(encodeBytes(text));
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_MOUNTYARD_PARSE', line: 1, column: expect.any(Number) });
      }
    }),
    { numRuns: 1000 },
  );
  expect(accepted).toBeGreaterThan(50);
});

test('what comes back after thousands of others is still told apart from them', () => {
  const KINDS = 3000;
  const lines = Array.from({ length: 2 * KINDS }, (_, i) => {
    const kind = i % KINDS;
    return `${i + 2} 1 0:${kind} /r${kind} /m${i} rw,o${kind} - t${kind} s${kind} rw,k=${kind}\n`;
  });
  const text = lines.join('');
  expect(formatMountinfo(parseMountinfo(text)).toString()).toBe(text);
});

test('50,000 lines are read and written in no time', () => {
  const lines = Array.from(
    { length: 50_000 },
    (_, i) => `${i + 2} 1 0:${i} / /srv/some/where/${i} rw,relatime shared:${i} - tmpfs tmpfs rw,size=4k\n`,
  );
  const bytes = Buffer.from(lines.join(''));
  expect(formatMountinfo(parseMountinfo(bytes)).equals(bytes)).toBe(true);
});
