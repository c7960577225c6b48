import { describe, expect, test } from 'vitest';
import { ParseError } from '../../../lib/errors.ts';
import { formatMountinfo, parseMountinfo } from '../../../lib/formats/mountinfo.ts';
import type { ProblemCode } from '../../../lib/model/problems.ts';
import { borrowed } from './tables.ts';

type Verdict =
  | { readonly problems: readonly ProblemCode[]; readonly why?: string }
  | { readonly at: readonly [line: number, column: number]; readonly reason: string; readonly why?: string };

/** Where projects disagree, or the file says nothing of itself, `why` says what decided. */
const VERDICTS: { readonly [name: string]: Verdict } = {
  '001-snapd-trailing-word': {
    problems: [],
    why: 'the options run to the end of the line, as WSL and old CIFS need',
  },
  '002-snapd-tail-2': { at: [1, 60], reason: 'the line ends before the superblock options' },
  '003-snapd-9-fields': { at: [1, 50], reason: 'the line ends before the source' },
  '004-snapd-8-fields': { at: [1, 45], reason: 'the line ends before the filesystem type' },
  '005-snapd-7-fields': { at: [1, 43], reason: 'there is no separator, a field that is "-"' },
  '006-snapd-unterminated-optional': { at: [1, 70], reason: 'there is no separator, a field that is "-"' },
  '007-snapd-bad-mount-id': { at: [1, 1], reason: 'the mount id "foo" is not a number' },
  '008-snapd-bad-parent-id': { at: [1, 4], reason: 'the parent id "bar" is not a number' },
  '009-snapd-bad-major': { at: [1, 7], reason: 'the major device number "froz" is not a number' },
  '010-snapd-bad-minor': { at: [1, 10], reason: 'the minor device number "bot" is not a number' },
  '011-snapd-bad-dev-pair': { at: [1, 7], reason: 'the device number "corrupt" is not major:minor' },
  '012-snapd-cr-in-mountpoint': { problems: [], why: 'the kernel prints CR as it is' },
  '013-snapd-escapes-everywhere': { problems: [], why: 'every field is decoded, for a name may be anywhere' },
  '014-snapd-wsl-9p-spaces': { problems: [], why: 'a real line of WSL' },
  '015-snapd-empty': {
    problems: ['empty'],
    why: 'no line, no mount: the tree has the problem, not the text',
  },
  '016-snapdc-garbage': { at: [1, 12], reason: 'the line ends before the root' },
  '017-snapdc-words': {
    problems: ['relative-path'],
    why: 'the grammar holds; that the paths are relative is a problem of the tree',
  },
  '018-snapdc-empty-source': { problems: [], why: 'Linux 6.18 still prints an empty source' },
  '019-snapdc-escaped-slash': {
    problems: [],
    why: 'any octal escape is decoded; the line is kept, since no kernel escapes a slash',
  },
  '020-snapdc-broken-octal': { problems: [], why: 'what is no escape is kept as it is' },
  '021-moby-no-separator-1': { at: [1, 52], reason: 'there is no separator, a field that is "-"' },
  '022-moby-two-tail-fields': { at: [1, 51], reason: 'the line ends before the superblock options' },
  '023-moby-no-separator-2': { at: [1, 61], reason: 'there is no separator, a field that is "-"' },
  '024-moby-extra-then-two': { at: [1, 69], reason: 'the line ends before the superblock options' },
  '025-moby-extra-at-end': {
    problems: [],
    why: 'moby drops what follows the space; it may be part of a path',
  },
  '026-moby-unknown-optional': { problems: [], why: 'unknown tags are kept for kernels to come' },
  '027-moby-empty-source': { problems: [] },
  '028-moby-cifs-unescaped': { problems: [], why: 'moby cuts at the space; it is part of unc=' },
  '029-moby-newline-quotes': { problems: [] },
  '030-containerd-backtick': { problems: [] },
  '031-k8s-missing-dev': {
    at: [1, 8],
    reason: 'the device number "/var/lib/docker/devicemapper/test/shared" is not major:minor',
  },
  '032-k8s-empty-major': { at: [1, 8], reason: 'the major device number "" is not a number' },
  '033-k8s-empty-minor': { at: [1, 12], reason: 'the minor device number "" is not a number' },
  '034-k8s-alpha-major': { at: [1, 8], reason: 'the major device number "foo" is not a number' },
  '035-k8s-alpha-minor': { at: [1, 12], reason: 'the minor device number "bar" is not a number' },
  '036-k8s-master-before-shared': {
    problems: [],
    why: 'the order of tags tells nothing, but the line is kept',
  },
  '037-procfs-hello': { at: [1, 1], reason: 'the mount id "hello" is not a number' },
  '038-procfs-double-space-before-dash': {
    problems: [],
    why: 'an empty optional field tells nothing, but the line is kept',
  },
  '039-procfs-foo-bar-optional': { problems: [] },
  '040-procfs-ttar-empty-mountpoint': {
    at: [1, 11],
    reason: 'the mount point is empty',
    why: 'procfs shifts the fields; a mount has a mount point',
  },
  '041-automaxprocs-bad-id': { at: [1, 1], reason: 'the mount id "invalidMountID" is not a number' },
  '042-automaxprocs-bad-parent': { at: [1, 3], reason: 'the parent id "invalidParentID" is not a number' },
  '043-automaxprocs-no-dash': { at: [1, 74], reason: 'there is no separator, a field that is "-"' },
  '044-automaxprocs-two-tail': { at: [1, 51], reason: 'the line ends before the superblock options' },
  '045-automaxprocs-late-dash': { at: [1, 85], reason: 'the line ends before the superblock options' },
  '046-automaxprocs-no-dash-2': { at: [1, 83], reason: 'there is no separator, a field that is "-"' },
  '047-automaxprocs-random': { at: [1, 1], reason: 'the mount id "random" is not a number' },
  '048-fscrypt-a': { at: [1, 1], reason: 'the mount id "a" is not a number' },
  '049-fscrypt-fifteen-as': { at: [1, 1], reason: 'the mount id "a" is not a number' },
  '050-fscrypt-as-dash': { at: [1, 1], reason: 'the mount id "a" is not a number' },
  '051-fscrypt-bad-major': { at: [1, 6], reason: 'the major device number "BAD" is not a number' },
  '052-kata-words': { at: [1, 1], reason: 'the mount id "invalid" is not a number' },
  '053-kata-two-tail': { at: [1, 36], reason: 'the line ends before the source' },
  '054-kata-four-tail': { problems: [], why: 'kata counts fields; superblock options may have spaces' },
  '055-kata-dash-as-source': {
    problems: [],
    why: 'the first "-" separates, so the source is "-" and the options are "x"',
  },
  '056-kata-dash': { at: [1, 1], reason: 'the mount id "-" is not a number' },
  '057-kata-dashdash': { at: [1, 1], reason: 'the mount id "--" is not a number' },
  '058-kata-dash-dash': { at: [1, 1], reason: 'the mount id "-" is not a number' },
  '059-kata-space-dash-space': { at: [1, 1], reason: 'the mount id is empty' },
  '060-kata-escaped-dash-in-root': { problems: [] },
  '061-kata-bad-middle-line': {
    at: [2, 1],
    reason: 'the mount id "invalid" is not a number',
    why: 'one bad line makes the table doubtful',
  },
  '062-duf-blank': { at: [1, 1], reason: 'the mount id is empty', why: 'a blank line is no mount' },
  '063-duf-tab': { at: [1, 1], reason: 'the mount id "\\t" is not a number' },
  '064-duf-comment': { at: [1, 1], reason: 'the mount id "#" is not a number' },
  '065-duf-tab-separated': { at: [1, 1], reason: 'the mount id "1\\t2\\t\\t3" is not a number' },
  '066-duf-no-separator': { at: [1, 5], reason: 'the device number "3" is not major:minor' },
  '067-duf-no-separator-2': { at: [1, 5], reason: 'the device number "3" is not major:minor' },
  '068-duf-dash-source': { problems: [], why: 'a source may be "-"' },
  '069-duf-dash-mountpoint': { problems: [] },
  '070-duf-no-superopts': {
    at: [1, 45],
    reason: '"shared:22" is the second of its kind on this line',
    why: 'duf guesses the options; a mount is in one peer group',
  },
  '071-duf-042': { problems: [], why: 'any octal escape is decoded' },
  '072-mesos-out-of-order': {
    problems: ['two-roots', 'outside-parent'],
    why: 'the grammar holds; two roots are a problem of the tree',
  },
  '073-rkt-nixos-no-tail': {
    at: [1, 33],
    reason: 'the line ends before the filesystem type',
    why: 'all after the separator was cut off: nothing tells what is mounted',
  },
  '074-newrelic-invalid-characters': { problems: [] },
  '075-newrelic-invalid-length': { problems: [] },
  '076-newrelic-docker-too-long': { problems: [] },
  '077-automaxprocs-file-invalid-mountinfo': {
    at: [1, 49],
    reason: 'the line ends before the superblock options',
  },
  '078-automaxprocs-file-untranslatable': { problems: [] },
  '079-own-truncated-last-line': {
    at: [2, 67],
    reason: 'the line ends before the source',
    why: 'a read cut short must not pass for a whole table',
  },
  '080-own-crlf': {
    at: [1, 54],
    reason: 'every line ends in CR LF: the kernel ends lines in LF alone',
    why: 'a CR can end an option, but not that of every line: this is a text file of another system',
  },
  '081-own-cycle': {
    problems: ['cycle', 'outside-parent'],
    why: 'the grammar holds; the cycle is a problem of the tree',
  },
  '082-own-duplicate-id': {
    problems: ['duplicate-id'],
    why: 'the grammar holds; the doubled id is a problem of the tree',
  },
  '083-own-two-roots': {
    problems: ['absent-parents'],
    why: 'the grammar holds; the two absent parents are a problem of the tree',
  },
  '084-own-huge-ids': { problems: [], why: 'ids up to the largest int' },
  '085-own-id-overflow': {
    at: [1, 1],
    reason: 'the mount id 4294967296 is larger than 2147483647, the largest there is',
    why: 'no kernel counts so far, and the number could not be kept exactly',
  },
  '086-own-negative-parent': {
    at: [1, 4],
    reason: 'the parent id "-1" is not a number',
    why: 'the kernel has no negative ids',
  },
  '087-own-nul-byte': { at: [1, 14], reason: 'there is a NUL byte', why: 'a NUL cannot come from a kernel' },
  '088-own-utf8-bom': {
    at: [1, 1],
    reason: 'the text starts with a byte order mark, which no kernel prints',
    why: 'an editor was at work; dropping it would hide that',
  },
  '089-own-octal-000-and-377': {
    at: [1, 14],
    reason: 'the escape \\000 stands for a NUL byte, which no name can hold',
    why: 'no path can hold a NUL',
  },
  '090-own-octal-over-255': { problems: [], why: '\\777 is no byte, so it is kept as it is' },
  '091-own-deleted-mountpoint': {
    problems: [],
    why: 'old kernels marked removed mount points so; today it can only be a name',
  },
};

const malformed = borrowed('malformed');

describe('inputs that other projects test their parsers with', () => {
  if (malformed.names.length === 0) {
    test('each have a verdict', ({ skip }) => skip('no ../shared/tables/malformed beside this checkout'));
    return;
  }

  test('each have a verdict', () => {
    expect(Object.keys(VERDICTS)).toEqual(
      malformed.names.map((name) => name.replace('.mountinfo', '')).sort(),
    );
  });

  const present = Object.entries(VERDICTS).filter(([name]) => malformed.names.includes(`${name}.mountinfo`));

  test.each(present.filter(([, verdict]) => 'problems' in verdict))(
    '%s is accepted, and comes back',
    (name, verdict) => {
      const bytes = malformed.read(`${name}.mountinfo`);
      const tree = parseMountinfo(bytes);
      expect(formatMountinfo(tree).equals(bytes)).toBe(true);
      expect({ problems: [...new Set(tree.problems.map(({ code }) => code))] }).toEqual({
        problems: 'problems' in verdict ? verdict.problems : undefined,
      });
    },
  );

  test.each(present.filter(([, verdict]) => 'reason' in verdict))('%s is refused', (name, verdict) => {
    let thrown: unknown;
    try {
      parseMountinfo(malformed.read(`${name}.mountinfo`));
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ParseError);
    const { line, column, reason } = thrown as ParseError;
    expect({ at: [line, column], reason }).toEqual({ ...verdict, why: undefined });
  });
});
