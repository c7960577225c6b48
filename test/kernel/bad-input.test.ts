import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MalformedTreeError, MountError, ParseError, UsageError } from '../../lib/errors.ts';
import { parseAny } from '../../lib/formats/detect.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import { UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { BAD_INPUT } from '../support/bad-input.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isRoot } from '../support/privilege.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';

describe('a snapshot that no namespace can hold is refused with one error', () => {
  expectNoLeakedFds();

  test.each(BAD_INPUT)('%s', async (_, input, message) => {
    const before = mountTable();
    const bytes = typeof input === 'string' ? Buffer.from(input) : input;
    const error = await restoreBytes(bytes).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(
      error instanceof ParseError || error instanceof MalformedTreeError || error instanceof UsageError,
      String(error),
    ).toBe(true);
    expect((error as Error).message).toMatch(message);
    expect(mountTable()).toBe(before);
  });

  async function restoreBytes(bytes: Uint8Array): Promise<void> {
    using _restored = await restoreTree(parseAny(bytes), { standIn: 'all', ignoreHostPropagation: true });
  }
});

/** A root that the host supplies, a directory mounted in it and a file. */
const TREE = parseMountinfo(
  '1 0 0:1 / / rw - ext4 /dev/vda rw\n2 1 0:2 / /data rw - tmpfs data rw\n3 1 0:3 /f /etc/file rw - ext4 /dev/vdb rw\n',
).map((mount) => ({ ...mount, kind: mount.id === 3 ? ('file' as const) : ('directory' as const) }));

/** A host directory for it, with the file that the other option names. */
function makeHost(scratch: ScratchMount) {
  const root = scratch.directory('rootfs');
  mkdirSync(join(root, 'data'));
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/file'), '');
  return {
    root,
    options: { root, external: { '/etc/file': scratch.file('file') } } satisfies RestoreOptions,
  };
}

describe.skipIf(!isRoot)('what the host has to give', () => {
  expectNoLeakedFds();

  test('is there: the tree is restored', () => {
    using scratch = new ScratchMount();
    using restored = restoreTreeSync(TREE, makeHost(scratch).options);
    expect(restored.differences).toEqual([]);
    expect(restored.tree.at('/etc/file')?.kind).toBe('file');
  });

  test('a NUL in a source is refused, and makes no path of another out of it', () => {
    using scratch = new ScratchMount();
    const { root, options } = makeHost(scratch);
    const external = { '/data': `${root}\0${join(root, 'etc')}`, ...options.external };
    expect(() => restoreTreeSync(TREE, { root, external })).toThrow(/holds a NUL character/);
  });

  const cases: [string, (scratch: ScratchMount) => RestoreOptions, string, RegExp][] = [
    [
      'a root that does not exist',
      (scratch) => ({ ...makeHost(scratch).options, root: scratch.at('absent') }),
      'source',
      /absent.*ENOENT/,
    ],
    [
      'an external that does not exist',
      (scratch) => ({ ...makeHost(scratch).options, external: { '/etc/file': scratch.at('absent') } }),
      'source',
      /absent.*ENOENT/,
    ],
    [
      'a root that is a file',
      (scratch) => ({ ...makeHost(scratch).options, root: scratch.file('plain') }),
      '',
      /./,
    ],
    [
      'a file where a directory is needed',
      (scratch) => ({
        ...makeHost(scratch).options,
        external: { '/etc/file': scratch.directory('directory') },
      }),
      'node-kind',
      /a file on a directory, or a directory on a file/,
    ],
    [
      'a root without a mount point',
      (scratch) => {
        const { root, options } = makeHost(scratch);
        return { ...options, root: join(root, 'etc') };
      },
      'mount-point',
      /etc\/data as its mount point/,
    ],
    [
      'a root with a symlink for a mount point',
      (scratch) => {
        const { options } = makeHost(scratch);
        const other = scratch.directory('other');
        mkdirSync(join(other, 'etc'));
        writeFileSync(join(other, 'etc/file'), '');
        symlinkSync('etc', join(other, 'data'));
        return { ...options, root: other };
      },
      'mount-point',
      /symlink/,
    ],
  ];
  test.each(cases)('is not there: %s', (_, optionsOf, kind, reason) => {
    using scratch = new ScratchMount();
    const options = optionsOf(scratch);
    const before = mountTable();
    const { requirements } = refusalOf(options);
    if (kind !== '') expect(requirements.map((requirement) => requirement.kind)).toContain(kind);
    expect(requirements.map((requirement) => requirement.reason).join('\n')).toMatch(reason);
    for (const { cures } of requirements) expect(cures.length).toBeGreaterThan(0);
    expect(mountTable()).toBe(before);
  });

  test('all that is missing is told at once', () => {
    using scratch = new ScratchMount();
    const options = { root: scratch.directory('empty'), external: { '/etc/file': scratch.at('absent') } };
    const { requirements } = refusalOf(options);
    expect(requirements.map(({ kind }) => kind).sort()).toEqual(['mount-point', 'mount-point', 'source']);
  });
});

describe.skipIf(!isRoot)('a mount point that a host directory lacks', () => {
  expectNoLeakedFds();

  test('is named with its path and with the option that makes it', () => {
    using scratch = new ScratchMount();
    const root = scratch.directory('empty');
    const { requirements } = refusalOf({ root, skip: ['/etc/file'] });
    expect(requirements).toMatchObject([
      { kind: 'mount-point', cures: [{ cli: '--make-mount-points' }, { cli: '--skip /data' }] },
    ]);
    expect(requirements[0]?.reason).toContain(`${root}/data`);
    expect(readdirSync(root)).toEqual([]);
  });

  test('is made when it may be: directories, files, and what is on the way', () => {
    using scratch = new ScratchMount();
    const root = scratch.directory('empty');
    const options = { root, external: { '/etc/file': scratch.file('file') }, makeMountPoints: true };
    using restored = restoreTreeSync(TREE, options);
    expect(restored.differences).toEqual([]);
    expect(restored.report.hostEffects.map(({ kind }) => kind)).toEqual([
      'make-mount-point',
      'make-mount-point',
      'make-mount-point',
    ]);
    expect(readdirSync(root, { recursive: true }).sort()).toEqual(['data', 'etc', 'etc/file']);
  });

  test('is made in a filesystem that is new, without asking', () => {
    const tree = parseMountinfo(
      '1 0 0:1 / / rw - tmpfs r rw\n2 1 0:2 / /a/b/c rw - tmpfs a rw\n3 2 0:3 / /a/b/c/d\\040e rw - tmpfs b rw\n',
    );
    using restored = restoreTreeSync(tree);
    expect(restored.differences).toEqual([]);
    expect(restored.report.hostEffects).toEqual([]);
  });

  test('is taken away again when the restore fails', () => {
    using scratch = new ScratchMount();
    const root = scratch.directory('empty');
    // The second filesystem has no room for the directory that is mounted in it.
    const tree = parseMountinfo(
      '1 0 0:1 / / rw - ext4 /dev/vda rw\n2 1 0:2 / /data/deep rw - tmpfs d rw,nr_inodes=1\n3 2 0:3 / /data/deep/x rw - tmpfs x rw\n',
    );
    const before = mountTable();
    expect(() => restoreTreeSync(tree, { root, makeMountPoints: true })).toThrow(MountError);
    expect(existsSync(join(root, 'data'))).toBe(false);
    expect(mountTable()).toBe(before);
  });
});

function refusalOf(options: RestoreOptions): UnmetRequirementsError {
  try {
    using _restored = restoreTreeSync(TREE, options);
  } catch (error) {
    if (error instanceof UnmetRequirementsError) return error;
    throw error;
  }
  throw new Error('it was restored');
}
