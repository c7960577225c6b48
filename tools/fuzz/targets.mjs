/** What is fuzzed: a property that holds for all bytes, the bytes to begin with, and words worth inserting. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Tables longer than this would only be slow. */
const LONGEST_SEED = 6_000;

function tables() {
  const folders = [
    '../../test/tables',
    '../../test/tables/made',
    '../../../../shared/tables/found',
    '../../../../shared/tables/malformed',
  ];
  return folders
    .map((folder) => new URL(`${folder}/`, import.meta.url))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.mountinfo'))
        .sort()
        .map((name) => readFileSync(new URL(name, folder))),
    )
    .filter((table) => table.length <= LONGEST_SEED);
}

const TABLE_WORDS = [
  ...[
    ' ',
    '  ',
    '\n',
    '-',
    ' - ',
    '\\',
    '\\040',
    '\\000',
    '\\777',
    '\\134',
    '#',
    '//deleted',
    '/',
    '/..',
    '/.',
    '\r\n',
  ],
  ...[
    'shared:',
    'master:',
    'propagate_from:',
    'unbindable',
    'idmapped',
    'rw',
    'ro',
    'nosuid',
    '0:0',
    '__proto__',
  ],
  ...[
    'tmpfs',
    'proc',
    'cgroup2',
    'overlay',
    'devpts',
    'lowerdir=/',
    'release_agent=/x',
    'nsdelegate',
    'size=1,mode=7',
  ],
  ...['\xff', '\xed\xa0\x80', '\xc3', '/proc/1/root', 'constructor', 'hasOwnProperty'],
];
const JSON_WORDS = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '""',
    'null',
    'true',
    '-1',
    '1e400',
    '0.5',
    '"__proto__":{},',
    '"constructor":1,',
  ],
  ...[
    '"\\u0000"',
    '"\\ud800"',
    '"\\udc80"',
    '\\u002e',
    '"mounts":[',
    '"namespaces":[',
    '"kind":"file",',
    '"idmap":{',
  ],
  ...[
    '"rootNode":{"kind":"symlink","mode":511,"uid":0,"gid":0,"target":"/"},',
    '"verbatim":"x",',
    '"deleted":true,',
  ],
];

/** What the library says in its own words is no finding; all else is. */
function refusable(MountyardError, work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof MountyardError) return undefined;
    throw error;
  }
}

/** The targets by name. The library is loaded only now, so that its blocks are counted. */
export async function loadTargets() {
  const { MountyardError, parseMountinfo, formatMountinfo, parseSnapshot, formatSnapshot, ...library } =
    await import('../../dist/index.js');
  const { decodeStatmount, STATMOUNT_ALL } = await import('../../dist/system/calls/statmount.js');
  const { native } = await import('../../dist/system/calls/native.js');
  const { UNKNOWN_HOST } = await import('../../dist/plan/unknown-host.js');
  const { filesystemRole } = await import('../../dist/plan/filesystems.js');
  const read = (bytes) => refusable(MountyardError, () => parseMountinfo(bytes));
  const snapshots = () =>
    tables().flatMap((bytes) => {
      const tree = read(bytes);
      return tree ? [Buffer.from(formatSnapshot({ namespaces: [tree] }))] : [];
    });

  return {
    statmount: {
      seeds: () => statmountAnswers(native, STATMOUNT_ALL),
      words: ['\0', '\0\0', '0 0 4294967295\0', '\xff\xff\xff\xff'],
      check(bytes) {
        try {
          const { optionArray = [], securityOptions = [], idmap } = decodeStatmount(bytes);
          const strings =
            [...optionArray, ...securityOptions].length + (idmap ? idmap.uid.length + idmap.gid.length : 0);
          assert.ok(strings <= 4 * bytes.length + 4, 'more strings than bytes');
        } catch (error) {
          if (!(error instanceof RangeError)) throw error; // cut off before its end
        }
      },
    },
    mountinfo: {
      seeds: tables,
      words: TABLE_WORDS,
      check(bytes) {
        const tree = read(bytes);
        if (!tree) return;
        const whole =
          bytes.length === 0 || bytes.at(-1) === 0x0a ? bytes : Buffer.concat([bytes, Buffer.from('\n')]);
        assert.ok(formatMountinfo(tree).equals(whole), 'what is accepted comes back');
        assert.ok(Array.isArray(tree.problems));
        library.renderTree(tree, {});
      },
    },
    snapshot: {
      seeds: snapshots,
      words: JSON_WORDS,
      check(bytes) {
        const snapshot = refusable(MountyardError, () => parseSnapshot(bytes));
        if (!snapshot) return;
        const text = formatSnapshot(snapshot);
        assert.equal(formatSnapshot(parseSnapshot(text)), text, 'what is written is read the same');
        assert.equal(Object.getPrototypeOf({}).polluted, undefined);
        for (const tree of snapshot.namespaces) assert.ok(Array.isArray(tree.problems));
      },
    },
    plan: {
      seeds: tables,
      words: TABLE_WORDS,
      check(bytes) {
        const tree = read(bytes);
        if (!tree) return;
        const options = { standIn: 'all', ignoreHostPropagation: true };
        const plan = refusable(MountyardError, () => library.planRestore(tree, options, UNKNOWN_HOST));
        if (!plan) return;
        nothingOfTheHost(plan, filesystemRole);
        refusable(MountyardError, () => library.compileRestore(plan));
      },
    },
  };
}

/** The caller named nothing of the host, so nothing of it is taken, followed, opened or changed. */
function nothingOfTheHost({ steps, origins, hostEffects, imports }, filesystemRole) {
  assert.deepEqual(hostEffects, []);
  assert.deepEqual(imports, []);
  for (const { kind } of steps)
    assert.ok(!['clone-source', 'share-source', 'make-mount-point', 'attach'].includes(kind), kind);
  for (const origin of origins) {
    assert.equal(origin.kind, 'filesystem');
    assert.notEqual(filesystemRole(origin.type), 'external', origin.type);
    for (const { key } of origin.parameters) assert.ok(!HARMFUL.has(key), key);
  }
  for (const { kind, path, from, to, origin } of steps) {
    for (const each of [path, from, to])
      if (typeof each === 'string') assert.ok(!each.split('/').includes('..'), `${kind} ${each}`);
    if (CHANGES_FILES.has(kind)) assert.match(origins[origin].type, /^(?:tmpfs|ramfs)$/, kind);
  }
}

const CHANGES_FILES = new Set(['make-node', 'make-device', 'make-link', 'rename', 'delete']);

/** Options that read, write or run something of the host, or change the one cgroup2 that it has. */
const HARMFUL = new Set([
  'lowerdir',
  'upperdir',
  'workdir',
  'release_agent',
  'nsdelegate',
  'favordynmods',
  'fd',
  'memory_recursiveprot',
]);

/** What this kernel says of the mounts of this process. */
function statmountAnswers(native, mask) {
  const ids = native.sys.listmount(-1n, 0n, 0);
  if (typeof ids === 'number') return [Buffer.alloc(600)];
  return Array.from(ids, (id) => native.sys.statmount(id, 0n, BigInt(mask))).filter(
    (answer) => typeof answer !== 'number',
  );
}
