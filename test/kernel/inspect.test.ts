import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { captureTree, inspectHost, parseMountinfo } from '../../lib/index.ts';
import type { SourceFact } from '../../lib/model/facts.ts';
import type { FilesystemQuestion } from '../../lib/plan/questions.ts';
import * as sys from '../../lib/sys.ts';
import { inspectFilesystem } from '../../lib/system/inspect/filesystems.ts';
import { HeldHost } from '../../lib/system/inspect/held.ts';
import { inspectDestination, inspectSources, type SourceView } from '../../lib/system/inspect/sources.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot, isRoot } from '../support/privilege.ts';

expectNoLeakedFds();
let table: string;

describe.skipIf(!isRoot)('host paths, as root', () => {
  let place: string;
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'mountyard-inspect-'));
    sys.mount('outer', place, { type: 'tmpfs' });
    mkdirSync(join(place, 'dir/sub'), { recursive: true });
    mkdirSync(join(place, 'dir/sub/hidden'));
    writeFileSync(join(place, 'dir/file'), '');
    symlinkSync('sub', join(place, 'dir/link'));
    symlinkSync('dir', join(place, 'link'));
    sys.mount('inner', join(place, 'dir/sub'), { type: 'tmpfs' });
    table = readFileSync('/proc/self/mountinfo', 'utf8');
  });
  afterAll(() => {
    sys.umount(place, ['DETACH']);
    rmSync(place, { recursive: true });
  });
  afterEach(() => {
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(table);
  });

  const withView = <T>(f: (view: SourceView) => T, mayMount = true): T => {
    using held = new HeldHost();
    return f({ host: captureTree(), held, mayMount, mayBeLocked: false });
  };
  const inspectSource = (view: SourceView, path: string, below: string[]) =>
    inspectSources(view, new Map([[path, new Set(below)]]))[path] as SourceFact;
  const source = (path: string, below: string[] = [], mayMount = true) =>
    withView((view) => inspectSource(view, join(place, path), below), mayMount);

  test('a directory: its root in the filesystem, its mount, the mounts below', () => {
    const fact = source('dir');
    expect(fact).toMatchObject({
      kind: 'directory',
      root: '/dir',
      submounts: true,
      mountRootReachable: true,
    });
    expect(fact.mount).toMatchObject({ source: 'outer', mountPoint: place });
    expect(source('dir/sub')).toMatchObject({ root: '/', mount: { source: 'inner' }, submounts: false });
    expect(source('dir/file')).toMatchObject({ kind: 'file', root: '/dir/file' });
  });

  test('the caller’s own symlinks are followed', () => {
    expect(source('link')).toMatchObject({ kind: 'directory', root: '/dir' });
  });

  test('what is not there has the errno', () => {
    expect(source('absent')).toEqual({
      path: join(place, 'absent'),
      kind: 'absent',
      error: 'ENOENT',
      paths: {},
    });
  });

  test('paths below are looked up through no symlink, and behind a mount', () => {
    const below = ['file', 'sub', 'sub/hidden', 'link', 'link/x', 'none', 'file/x'];
    expect(source('dir', below).paths).toEqual({
      file: 'file',
      sub: 'directory',
      'sub/hidden': 'directory',
      link: 'symlink',
      'link/x': 'symlink',
      none: 'absent',
      'file/x': 'absent',
    });
    expect(source('dir', ['sub/hidden'], false).paths).toEqual({ 'sub/hidden': 'unknown' });
  });

  test('the fds of a source are held: the path, and the root of its mount', () => {
    withView((view) => {
      const path = join(place, 'dir');
      inspectSource(view, path, []);
      expect(view.held.get(path, 'path')?.name).toBe(path);
      expect(view.held.get(path, 'mount')?.number).toBeGreaterThan(2);
    });
  });

  test('the root of a mount whose mount point is covered is reached from below', () => {
    const covered = join(place, 'dir');
    mkdirSync(join(covered, 'sub/deep/er'), { recursive: true });
    const inside = sys.openat2(join(covered, 'sub/deep/er'), { flags: ['PATH'] });
    sys.mount('cover', covered, { type: 'tmpfs' });
    const fact = withView((view) => inspectSource(view, `/proc/self/fd/${inside.number}`, []));
    sys.umount(covered);
    inside.close();
    expect(fact).toMatchObject({ root: '/deep/er', mount: { source: 'inner' }, mountRootReachable: true });
  });

  test('a deleted directory has no root; a name that only looks deleted has one', () => {
    const gone = join(place, 'gone');
    mkdirSync(gone);
    const fd = sys.openat2(gone, { flags: ['PATH'] });
    rmSync(gone, { recursive: true });
    expect(withView((view) => inspectSource(view, `/proc/self/fd/${fd.number}`, []))).not.toHaveProperty(
      'root',
    );
    fd.close();
    mkdirSync(join(place, 'x (deleted)'));
    expect(source('x (deleted)')).toMatchObject({ root: '/x (deleted)' });
  });

  test('the destination', () => {
    const fact = withView((view) => inspectDestination(view, join(place, 'dir')));
    expect(fact).toMatchObject({ kind: 'directory', mount: { source: 'outer' } });
  });
});

describe.skipIf(!isRoot)('filesystems, as root', () => {
  const ask = (question: Partial<FilesystemQuestion> & { type: string }, host = captureTree()) => {
    using held = new HeldHost();
    const whole = { parameters: [], window: false, paths: new Set<string>(), ...question };
    return inspectFilesystem({ host, procfs: held.procfs, place: { kind: 'thread' } }, whole);
  };

  test('an instance is tried with its options, and refused in the kernel’s words', () => {
    expect(ask({ type: 'tmpfs', parameters: [{ key: 'size', value: '4k' }] })).toEqual({
      creatable: true,
      paths: {},
    });
    const refused = ask({ type: 'tmpfs', parameters: [{ key: 'nonsense' }] });
    expect(refused.creatable).toBe('EINVAL');
    expect(refused.log?.join()).toContain('nonsense');
    expect(ask({ type: 'no-such-type' }).creatable).toBe('ENODEV');
  });

  test.skipIf(!isMachineRoot)('paths of proc are looked up in the trial mount', () => {
    const paths = new Set(['/', '/sys', '/uptime', '/self', '/no-such-file']);
    expect(ask({ type: 'proc', paths }).paths).toEqual({
      '/': 'directory',
      '/sys': 'directory',
      '/uptime': 'file',
      '/self': 'symlink',
      '/no-such-file': 'absent',
    });
  });

  test.skipIf(!isMachineRoot)('a window is that of the machine, with the options in force', () => {
    const shown = captureTree().mounts.find((mount) => mount.type === 'sysfs');
    const fact = ask({ type: 'sysfs', window: true, paths: new Set(['/fs/cgroup']) });
    expect(fact).toMatchObject({ creatable: true, paths: { '/fs/cgroup': 'directory' } });
    if (shown) expect(fact).toMatchObject({ device: shown.device, superOptions: shown.superOptions });
  });

  test('a cgroup2 that is nowhere to be seen, and a cgroup v1 hierarchy that is not in use, are left alone', () => {
    const nothing = parseMountinfo('20 1 0:20 / / rw,relatime - tmpfs t rw\n');
    expect(ask({ type: 'cgroup2', window: true }, nothing).creatable).toMatch(/not visible here/);
    const unused = { type: 'cgroup', window: true, parameters: [{ key: 'name', value: 'mountyard-unused' }] };
    expect(ask(unused).creatable).toMatch(/would make one/);
    expect(readFileSync('/proc/self/cgroup', 'utf8')).not.toContain('mountyard-unused');
  });

  test('facts are plain data', () => {
    const tree = parseMountinfo('20 1 0:20 / / rw,relatime - tmpfs t rw,size=4k\n');
    const facts = inspectHost(tree);
    expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
    expect(facts.filesystems).toEqual({ 'tmpfs size=4k': { creatable: true, paths: {} } });
    expect(facts.hostMounts).toEqual(captureTree().mounts);
  });
});
