import { describe, expect, test } from 'vitest';
import { ParseError } from '../../../lib/errors.ts';
import { parseAny } from '../../../lib/formats/detect.ts';
import { formatMountinfo, parseMountinfo } from '../../../lib/formats/mountinfo.ts';
import { formatSnapshot, parseSnapshot, snapshotJsonSchema } from '../../../lib/formats/snapshot.ts';
import { MountTree } from '../../../lib/model/tree.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { table, tables } from './tables.ts';

const MINIMAL = {
  id: 2,
  parentId: 1,
  mountPoint: '/',
  device: '0:5',
  root: '/',
  options: ['rw'],
  type: 'tmpfs',
  source: '',
  superOptions: 'rw',
};
const withMount = (change: object) =>
  JSON.stringify({
    format: 'mountyard-snapshot',
    version: 1,
    namespaces: [{ mounts: [{ ...MINIMAL, ...change }] }],
  });

function refusal(parse: () => unknown): ParseError {
  try {
    parse();
  } catch (error) {
    expect(error).toBeInstanceOf(ParseError);
    return error as ParseError;
  }
  throw new Error('nothing was refused');
}

const NODE = { kind: 'symlink', mode: 0o777, uid: 0, gid: 5, target: '/b\udcff' } as const;
const KINDS = '"directory", "file", "symlink", "fifo", "socket", "character", "block"';

test('nodes are read as they were written', () => {
  const device = { kind: 'character', mode: 0o666, uid: 0, gid: 0, device: '1:3' } as const;
  const tree = treeOf(
    mount(1, 0, '/'),
    mount(2, 1, '/a', { kind: 'file', rootNode: device, placeNode: NODE }),
  );
  const text = formatSnapshot({ namespaces: [tree] });
  expect(text).toContain('"rootNode":{"kind":"character","mode":438,"uid":0,"gid":0,"device":"1:3"}');
  expect(parseSnapshot(text).namespaces[0]?.mounts).toEqual(tree.mounts);
});

test('a mount is one line, without what is ordinary', () => {
  const tree = treeOf(
    mount(1, 0, '/', { kind: 'unknown', source: 'x' }),
    mount(2, 1, '/a', {
      deleted: true,
      propagation: { shared: 3, master: 4, unbindable: true },
      subtype: 's',
      unknownTags: ['new:tag'],
      uniqueId: '4294967296001',
      idmap: { uid: [{ inside: 0, outside: 100000, length: 65536 }], gid: [] },
    }),
  );
  expect(formatSnapshot({ namespaces: [tree, new MountTree([])] })).toBe(`\
{"format":"mountyard-snapshot","version":1,"namespaces":[
 {"mounts":[
  {"id":1,"parentId":0,"mountPoint":"/","device":"0:1","root":"/","options":["rw","relatime"],"type":"tmpfs","source":"x","superOptions":"rw"},
  {"id":2,"parentId":1,"mountPoint":"/a","device":"0:2","root":"/","deleted":true,"kind":"directory","options":["rw","relatime"],"propagation":{"shared":3,"master":4,"unbindable":true},"unknownTags":["new:tag"],"type":"tmpfs","subtype":"s","source":"tmpfs","superOptions":"rw","uniqueId":"4294967296001","idmap":{"uid":[{"inside":0,"outside":100000,"length":65536}],"gid":[]}}
 ]},
 {"mounts":[]}
]}
`);
});

test('what was written is read again, several namespaces and odd bytes too', () => {
  const odd = mount(2, 1, '/\udcff\n"\\', { source: '\udc80é🐧', idmap: { uid: [], gid: [] }, kind: 'file' });
  const read = mount(3, 1, '/x', { verbatim: '3 1 0:3 / /\\170 rw,relatime - tmpfs tmpfs rw' });
  const namespaces = [treeOf(mount(1, 0, '/'), odd), treeOf(read), new MountTree([])];
  const again = parseSnapshot(formatSnapshot({ namespaces }));
  expect(again.namespaces.map((tree) => tree.mounts)).toEqual(namespaces.map((tree) => tree.mounts));
});

test.each(tables)('%s goes through a snapshot and back byte for byte', (name) => {
  const tree = parseMountinfo(table(name));
  const again = parseSnapshot(Buffer.from(formatSnapshot({ namespaces: [tree] }))).namespaces[0] as MountTree;
  expect(again.mounts).toEqual(tree.mounts);
  expect(formatMountinfo(again).equals(table(name))).toBe(true);
});

describe('a snapshot is refused in one sentence', () => {
  test.each([
    ['an empty text', '', 'line 1, column 1: the snapshot is no JSON: it is empty'],
    ['a text that was cut short', '{"format":\n"é', /^(line 2, column 4: )?the snapshot is no JSON: /],
    ['an array', '[]', 'the JSON is no mountyard snapshot: its "format" is not "mountyard-snapshot"'],
    ['null', 'null', 'the JSON is no mountyard snapshot: its "format" is not "mountyard-snapshot"'],
    [
      'another format',
      '{"format":"x","version":1}',
      'the JSON is no mountyard snapshot: its "format" is not "mountyard-snapshot"',
    ],
    [
      'no version',
      '{"format":"mountyard-snapshot"}',
      'the snapshot has version none, and this mountyard reads version 1',
    ],
    [
      'a later version',
      '{"format":"mountyard-snapshot","version":2}',
      'the snapshot has version 2, and this mountyard reads version 1',
    ],
    ['no namespaces', '{"format":"mountyard-snapshot","version":1}', '$.namespaces is missing'],
    [
      'an empty list of namespaces',
      '{"format":"mountyard-snapshot","version":1,"namespaces":[]}',
      '$.namespaces has no namespace',
    ],
    [
      'a prototype key at the top',
      '{"__proto__":{},"format":"mountyard-snapshot","version":1,"namespaces":[{"mounts":[]}]}',
      '$ has the unknown key "__proto__"',
    ],
  ])('%s', (_, text, message) => {
    const refused = refusal(() => parseSnapshot(text));
    expect(refused.message).toMatch(message);
    expect(refused.message).not.toContain('\n');
  });

  test.each([
    ['a missing field', { root: undefined }, '.root is missing'],
    ['a wrong type', { options: 'rw' }, '.options is a string, not an array'],
    ['null', { propagation: null }, '.propagation is null, not an object'],
    ['an unknown key', { flavour: 1 }, ' has the unknown key "flavour"'],
    ['the key constructor', { constructor: 1 }, ' has the unknown key "constructor"'],
    ['an id that is text', { id: '2' }, '.id is a string, not a number'],
    ['an id that is no whole number', { id: 1.5 }, '.id is 1.5, not a whole number'],
    ['an id below 0', { id: -1 }, '.id is less than 0'],
    ['an id beyond int', { id: 2 ** 31 }, '.id is larger than 2147483647'],
    ['an id beyond exact numbers', { parentId: 1e99 }, '.parentId is too large'],
    [
      'a group beyond int',
      { propagation: { shared: 2 ** 31 } },
      '.propagation.shared is larger than 2147483647',
    ],
    ['an odd device', { device: '01:2' }, '.device is not major:minor'],
    ['an empty mount point', { mountPoint: '' }, '.mountPoint is empty'],
    ['a NUL', { source: 'a\0b' }, '.source has a NUL byte'],
    ['a line feed in superblock options', { superOptions: 'rw\n2 1' }, '.superOptions has a line feed'],
    ['a line feed in a verbatim line', { verbatim: 'a\nb' }, '.verbatim has a line feed'],
    ['a surrogate of no byte', { root: '/\ud800' }, '.root has a lone surrogate outside U+DC80 to U+DCFF'],
    ['an unknown kind', { kind: 'socket' }, '.kind is none of "directory", "file", "unknown"'],
    ['a number for a truth', { deleted: 1 }, '.deleted is 1, not true or false'],
    ['an odd kind of node', { rootNode: { ...NODE, kind: 'door' } }, `.rootNode.kind is none of ${KINDS}`],
    [
      'a mode of more than 12 bits',
      { placeNode: { ...NODE, mode: 0o10000 } },
      '.placeNode.mode is larger than 4095',
    ],
    ['a node without a mode', { rootNode: { kind: 'fifo', gid: 0 } }, '.rootNode.mode is missing'],
    ['an owner that is null', { rootNode: { ...NODE, uid: null } }, '.rootNode.uid is null, not a number'],
    ['a symlink to nothing', { rootNode: { ...NODE, target: '' } }, '.rootNode.target is empty'],
    ['a unique id that is a number', { uniqueId: 7 }, '.uniqueId is 7, not a string'],
    [
      'an empty range of ids',
      { idmap: { uid: [{ inside: 0, outside: 0, length: 0 }], gid: [] } },
      '.idmap.uid[0].length is less than 1',
    ],
  ])('%s in a mount', (_, change, complaint) => {
    expect(refusal(() => parseSnapshot(withMount(change))).message).toBe(
      `$.namespaces[0].mounts[0]${complaint}`,
    );
  });

  test('the key __proto__ in a mount, however it is written', () => {
    for (const key of ['__proto__', '\\u005f_proto__']) {
      const text = withMount({}).replace('"id":2', `"${key}":{"deleted":true},"id":2`);
      expect(refusal(() => parseSnapshot(text)).message).toBe(
        '$.namespaces[0].mounts[0] has the unknown key "__proto__"',
      );
    }
    expect(({} as { deleted?: boolean }).deleted).toBeUndefined();
  });
});

test('a cycle is read, and is a problem of the tree', () => {
  const tree = parseSnapshot(withMount({ id: 2, parentId: 2 })).namespaces[0];
  expect(tree?.root?.id).toBe(2);
  const loop = formatSnapshot({ namespaces: [treeOf(mount(2, 3, '/'), mount(3, 2, '/'))] });
  expect(parseSnapshot(loop).namespaces[0]?.problems.map(({ code }) => code)).toEqual(['cycle']);
});

test('the JSON schema names the version and each field of a mount, and allows no other', () => {
  const schema = JSON.parse(JSON.stringify(snapshotJsonSchema()));
  const record = schema.properties.namespaces.items.properties.mounts.items;
  expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
  expect(schema.properties.version.const).toBe(1);
  expect(record.additionalProperties).toBe(false);
  expect(record.required).toEqual(Object.keys(MINIMAL));
});

test('a snapshot is recognised by its first character', () => {
  const tree = parseMountinfo(table('lxc-vivid.mountinfo'));
  const json = Buffer.from(` \r\n\t${formatSnapshot({ namespaces: [tree, tree] })}`);
  expect(parseAny(json).namespaces).toHaveLength(2);
  expect(parseAny(table('lxc-vivid.mountinfo')).namespaces[0]?.mounts).toEqual(tree.mounts);
  expect(parseAny(Buffer.alloc(0)).namespaces[0]?.size).toBe(0);
  expect(refusal(() => parseAny(Buffer.from('[1]'))).reason).toBe('the mount id "[1]" is not a number');
});
