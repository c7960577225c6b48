import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ParseError, UsageError } from '../../lib/errors.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { formatSnapshot, parseSnapshot } from '../../lib/formats/snapshot.ts';
import { planRestore } from '../../lib/plan/restore.ts';
import { UNKNOWN_HOST } from '../../lib/plan/unknown-host.ts';
import { compileRestore } from '../../lib/program/compile.ts';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { mainOps } from '../support/op-by-op.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { expectUnmet } from '../support/refusal.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';
import { mount, treeOf } from '../unit/model/mounts.ts';

const withMount = (type: string, superOptions: string, source = 'x') =>
  treeOf(mount(1, 0, '/'), mount(2, 1, '/a', { device: '0:2', type, superOptions, source }));

/** What every program for the tree gives to fsconfig(2) and mount(2) as options. */
function parametersOf(tree: ReturnType<typeof withMount>): string[] {
  const plan = planRestore(tree, { standIn: 'all', ignoreHostPropagation: true }, UNKNOWN_HOST);
  return mainOps(compileRestore(plan)).flatMap(({ name, s1, s2, data }) => {
    if (name === 'fsconfig' && s1 !== undefined && s1 !== 'source')
      return [s2 === undefined ? s1 : `${s1}=${s2}`];
    return name === 'mount' && data !== undefined && data !== '' ? data.split(',') : [];
  });
}

/** Options that read, write or run something of the host, or are none of the type's. */
const EVIL: readonly (readonly [type: string, options: string])[] = [
  ['tmpfs', 'rw,lowerdir=/etc'],
  ['tmpfs', 'rw,source=/dev/sda'],
  ['tmpfs', 'rw,usrquota_block_hardlimit=1'],
  ['proc', 'rw,pidns=/proc/1/ns/pid'],
  ['proc', 'rw,lowerdir=/'],
  ['devpts', 'rw,context=x'],
  ['bpf', 'rw,delegate_cmds=any'],
  ['bpf', 'rw,delegate_progs=0xff'],
  ['ramfs', 'rw,uid=0,data=x'],
  ['hugetlbfs', 'rw,min_size=100%'],
];

describe('an option that a snapshot may not set', () => {
  test.each(EVIL)('%s %s', async (type, options) => {
    const tree = withMount(type, options);
    const bad = (options.split(',')[1] ?? '').split('=')[0] as string;
    await expectUnmet(tree, {}, [['option', '/a']]);
    expect(parametersOf(tree).filter((word) => word.startsWith(bad === 'uid' ? 'data' : bad))).toEqual([]);
  });

  test.each([
    ['a comma in a value', 'rw,mode=755\\054uid=5'],
    ['a comma in quotes', 'rw,mode="755,uid=5"'],
    ['a value that begins another after a comma', 'rw,mpol=bind:0,uid=5'],
    ['an escaped newline', 'rw,mode=755\\012uid=5'],
    ['an escaped equals sign', 'rw,mode\\0755=1'],
    ['a space', 'rw,mode=755 lowerdir=/etc'],
  ])('does not hide in %s', (_, options) => {
    for (const source of ['x', 'x'.repeat(300)]) {
      const words = parametersOf(withMount('tmpfs', options, source));
      for (const word of words) expect(word).toMatch(/^(?:mode|uid|mpol|size)=(?:[^,]|,\d)*$/);
    }
  });

  test('a NUL is refused wherever it is', () => {
    expect(() => parseMountinfo('1 0 0:1 / / rw - tmpfs x rw,mode=7\x005\n')).toThrow(ParseError);
    expect(() => parseMountinfo('1 0 0:1 / /a\\000b rw - tmpfs x rw\n')).toThrow(ParseError);
    const json = formatSnapshot({ namespaces: [withMount('tmpfs', 'rw,mode=755')] });
    expect(() => parseSnapshot(json.replace('mode=755', 'mode=7\\u000055'))).toThrow(ParseError);
    // A tree that was made by hand has passed no parser.
    const tree = withMount('tmpfs', 'rw', 'a\0b');
    expect(() => compileRestore(planRestore(tree, {}, UNKNOWN_HOST))).toThrow(UsageError);
  });
});

describe.skipIf(!isMachineRoot)('the one filesystem that the machine has of a type', () => {
  /** Type, device and options in force of what the test's own namespace shows of the machine's. */
  const windows = () =>
    captureTree()
      .mounts.filter(({ type }) =>
        ['cgroup2', 'cgroup', 'debugfs', 'tracefs', 'sysfs', 'pstore'].includes(type),
      )
      .map(({ type, device, superOptions }) => `${type} ${device} ${superOptions}`);

  test.each([
    ['cgroup2', 'rw,nsdelegate,memory_recursiveprot'],
    ['cgroup2', 'rw'],
    ['cgroup2', 'ro,favordynmods'],
    ['debugfs', 'rw,mode=777'],
    ['debugfs', 'rw,uid=65534'],
    ['tracefs', 'rw,gid=65534,mode=777'],
    ['cgroup', 'rw,cpuacct,release_agent=/tmp/x'],
    ['cgroup', 'rw,name=evil,release_agent=/tmp/x'],
    ['cgroup', 'rw,none,name=evil,clone_children'],
    ['sysfs', 'ro'],
    ['pstore', 'rw,kmsg_bytes=1'],
  ])('is as it was after a restore that would have %s with %s', async (type, options) => {
    using scratch = new ScratchMount();
    const shown = scratch.directory('shown');
    // Seen here, so that a change of it is seen, too; a cgroup v1 hierarchy is not made for the test's sake.
    if (type !== 'cgroup' && type !== 'cgroup2') sys.mount(type, shown, { type });
    const before = {
      windows: windows(),
      cgroups: readFileSync('/proc/self/cgroup', 'utf8'),
      table: mountTable(),
    };
    const attempt = restoreTree(withMount(type, options)).then(
      (restored) => restored.release(),
      (error: Error) => expect(error.message).toMatch(/is not met|are not met/),
    );
    await attempt;
    restoreTreeSync(withMount(type, options), { standIn: 'all' }).release();
    expect(readFileSync('/proc/self/cgroup', 'utf8')).toBe(before.cgroups);
    expect({ ...before, windows: windows(), table: mountTable() }).toEqual(before);
  });
});
