import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseMountinfo } from '../../../lib/formats/mountinfo.ts';
import { MountTree } from '../../../lib/model/tree.ts';
import { renderTree } from '../../../lib/render/tree.ts';
import { MARKED, mount } from './mounts.ts';

/** The rendering without the heading and without blanks at line ends. */
function drawn(tree: MountTree, relative = false): string[] {
  return renderTree(tree, { relative }).split('\n').slice(1);
}

const root = mount({ id: 1, parentId: 0, mountPoint: '/' });

describe('renderTree', () => {
  test('draws the tree of an LXC container', async () => {
    const table = readFileSync(new URL('../../tables/lxc-vivid.mountinfo', import.meta.url));
    await expect(renderTree(parseMountinfo(table), { relative: true })).toMatchFileSnapshot('lxc-vivid.txt');
  });

  test('shows type with subtype, source with root, options, and propagation', () => {
    const tree = new MountTree([
      mount({
        id: 44,
        parentId: 2,
        mountPoint: '/',
        type: 'fuse',
        subtype: 'sshfs',
        source: 'host:',
        root: '/home',
        options: ['ro', 'nosuid'],
        propagation: { shared: 1, master: 2, propagateFrom: 3, unbindable: false },
      }),
    ]);
    expect(drawn(tree)).toEqual([
      '/            #44  fuse.sshfs  host:[/home]  ro,nosuid  shared:1 master:2 → host propagate_from:3',
    ]);
  });

  test('a master in the tree is not on the host', () => {
    const tree = new MountTree([
      { ...root, propagation: { shared: 7, unbindable: false } },
      mount({ id: 2, parentId: 1, mountPoint: '/a', propagation: { master: 7, unbindable: true } }),
    ]);
    expect(drawn(tree)[1]).toMatch(/ {2}master:7 unbindable$/);
  });

  test('names mount points from the mount above when asked', () => {
    const tree = new MountTree([
      root,
      mount({ id: 2, parentId: 1, mountPoint: '/a' }),
      mount({ id: 3, parentId: 2, mountPoint: '/a/b/c' }),
      mount({ id: 4, parentId: 1, mountPoint: '/d' }),
    ]);
    expect(drawn(tree, true).map((line) => line.split(/ {2,}#/)[0])).toEqual([
      '/',
      '├─ a',
      '│  └─ b/c',
      '└─ d',
    ]);
  });

  test('draws a stack at one level and says what lies on what', () => {
    const tree = new MountTree([
      root,
      mount({ id: 2, parentId: 1, mountPoint: '/a' }),
      mount({ id: 3, parentId: 2, mountPoint: '/a' }),
      mount({ id: 4, parentId: 2, mountPoint: '/a/hidden' }),
      mount({ id: 5, parentId: 3, mountPoint: '/a/seen' }),
    ]);
    expect(drawn(tree)).toEqual([
      '/                #1  tmpfs  tmpfs   rw,relatime',
      '├─ /a            #2  tmpfs  tmpfs   rw,relatime',
      '│  └─ /a/hidden  #4  tmpfs  tmpfs   rw,relatime  hidden by #3',
      '└─ /a            #3  tmpfs  tmpfs   rw,relatime  on top of #2',
      '   └─ /a/seen    #5  tmpfs  tmpfs   rw,relatime',
    ]);
  });

  test('says what a sibling hides, and what lies below that', () => {
    const tree = new MountTree([
      root,
      mount({ id: 2, parentId: 1, mountPoint: '/a/b' }),
      mount({ id: 3, parentId: 2, mountPoint: '/a/b/c' }),
      mount({ id: 4, parentId: 1, mountPoint: '/a' }),
      mount({ id: 5, parentId: 1, mountPoint: '/ab' }),
    ]);
    const marks = drawn(tree).map((line) => /hidden by #\d+/.exec(line)?.[0]);
    expect(marks).toEqual([undefined, 'hidden by #4', 'hidden by #4', undefined, undefined]);
  });

  test('marks deleted roots, files, and a read-only filesystem under a writable mount', () => {
    const tree = new MountTree([
      { ...root, superOptions: 'ro,size=4k' },
      mount({ id: 2, parentId: 1, mountPoint: '/f', root: '/f', deleted: true, kind: 'file' }),
    ]);
    expect(drawn(tree)[0]).toMatch(/ {2}read-only filesystem$/);
    expect(drawn(tree)[1]).toMatch(/tmpfs\[\/f\] .* {2}deleted root, file$/);
  });

  test('draws a forest and says that it is one', () => {
    const tree = new MountTree([
      mount({ id: 2, parentId: 9, mountPoint: '/a' }),
      mount({ id: 3, parentId: 9, mountPoint: '/b' }),
    ]);
    expect(drawn(tree)).toEqual([
      '/a           #2  tmpfs  tmpfs   rw,relatime',
      '/b           #3  tmpfs  tmpfs   rw,relatime',
      '',
      'The top mounts share the parent #9, which is not shown: a task chrooted into a directory.',
    ]);
  });

  test('draws what hangs below no top, and says what is wrong', () => {
    const tree = new MountTree([
      root,
      mount({ id: 2, parentId: 3, mountPoint: '/a' }),
      mount({ id: 3, parentId: 2, mountPoint: '/a' }),
    ]);
    const text = drawn(tree);
    expect(text.slice(0, 3).map((line) => /#\d/.exec(line)?.[0])).toEqual(['#1', '#2', '#3']);
    expect(text).toContain('No namespace can hold this tree:');
    expect(text.at(-1)).toMatch(/^ {2}- mount 2 at \/a and mount 3 at \/a /);
  });

  test('shows no name of a hostile table raw', () => {
    const evil = '\u001b[31m\n\u202e\udc9b';
    const tree = new MountTree([
      mount({
        id: 1,
        parentId: 0,
        mountPoint: `/${evil}`,
        type: evil,
        subtype: evil,
        source: evil,
        root: `/${evil}`,
      }),
      mount({
        id: 2,
        parentId: 1,
        mountPoint: '/b',
        options: [evil],
        unknownTags: [evil],
        superOptions: evil,
      }),
    ]);
    const text = renderTree(tree);
    expect(text.replaceAll('\n', '')).toMatch(/^[\x20-\x7e─│├└→]*$/);
    expect(text).toContain(String.raw`/\033[31m\012\342\200\256\233`);
  });

  test('cuts long sources in the middle to fit the width, and nothing else', () => {
    const tree = new MountTree([
      { ...root, source: '/dev/disk/by-uuid/6c5a78e0-95fa-49a8-aa91-a8093d295e58' },
    ]);
    const [line = ''] = renderTree(tree, { width: 80 }).split('\n').slice(1);
    expect(line).toMatch(/\/dev\/disk.*….*d295e58/);
    expect(line.length).toBeLessThanOrEqual(80);
  });

  test('cuts options, too, where cutting sources is not enough', () => {
    const options = ['rw', 'nosuid', 'nodev', 'noexec', 'noatime', 'nosymfollow'];
    const long = { ...root, options, source: 'a-source-of-more-than-twelve' };
    for (const width of [60, 70, 80]) {
      const [, line = ''] = renderTree(new MountTree([long]), { width }).split('\n');
      expect(line.length).toBeLessThanOrEqual(width);
      expect(line).toContain('  rw,');
    }
  });

  test('paints by role, and pads as without paint', () => {
    const [heading, line] = renderTree(new MountTree([root]), { paint: MARKED }).split('\n');
    expect(heading?.startsWith('<heading>MOUNT POINT</heading>  <heading>ID</heading>')).toBe(true);
    expect(line).toBe('/            <quiet>#1</quiet>  <type>tmpfs</type>  tmpfs   rw,relatime');
  });

  test('says that an empty tree is empty', () => {
    expect(renderTree(new MountTree([]))).toBe('no mounts');
  });

  test('a stack of 20,000 and a wide level of 20,000 take no longer than their lines', () => {
    const stack = Array.from({ length: 20_000 }, (_, i) =>
      mount({ id: i + 1, parentId: i, mountPoint: '/' }),
    );
    const level = Array.from({ length: 20_000 }, (_, i) =>
      mount({ id: i + 2, parentId: 1, mountPoint: `/${i}` }),
    );
    expect(renderTree(new MountTree(stack)).length).toBeLessThan(3_000_000);
    expect(renderTree(new MountTree([root, ...level])).length).toBeLessThan(3_000_000);
  });
});
