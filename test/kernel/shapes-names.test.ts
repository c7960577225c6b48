import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeBytes } from '../../lib/model/bytes.ts';
import * as sys from '../../lib/sys.ts';
import {
  BOTH_ENGINES,
  bindTo,
  directory,
  expectShapeComesBack,
  LiveNamespace,
  mountTmpfs,
  numbers,
  restoreSame,
} from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';

/** Every byte that a name can have. */
const BYTES = numbers(256).filter((byte) => byte !== 0 && byte !== 0x2f);
const named = (...bytes: readonly number[]) => decodeBytes(Uint8Array.from(bytes));
const [DOT, X] = [0x2e, 0x78];

/** Goes down through so many directories of 250 bytes each, which are made, and stays there. */
function descend(levels: number, letter: string): void {
  for (const _ of numbers(levels)) {
    mkdirSync(letter.repeat(250));
    process.chdir(letter.repeat(250));
  }
}

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)('names come back byte for byte: %s', (engine) => {
  expectNoLeakedFds();

  test('of mount points, roots and sources with each byte, alone and among others', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/base');
      for (const byte of BYTES) {
        const alone = byte === DOT ? named(DOT, DOT, DOT) : named(byte);
        directory(`/base/${named(X, byte, X)}`);
        bindTo(`/base/${named(X, byte, X)}`, `/${alone}`);
        mountTmpfs(`/${named(byte, X)}`, '', named(byte));
      }
    });
    const captured = live.capture();
    expect(captured.size).toBe(2 + 2 * BYTES.length);
    for (const byte of BYTES) {
      expect(captured.at(`/${named(byte, X)}`)?.source).toBe(named(byte));
      const alone = byte === DOT ? named(DOT, DOT, DOT) : named(byte);
      expect(captured.at(`/${alone}`)?.root).toBe(`/${named(X, byte, X)}`);
    }
    using _restored = await restoreSame(captured, engine);
  });

  test('of sources: empty, a dash, lines that look like a table, and 4,000 bytes', async () => {
    const sources = [
      '',
      '-',
      ' - ',
      '- tmpfs x rw',
      '\n1 0 0:1 / / rw - tmpfs x rw',
      '\\040',
      '#',
      's'.repeat(4000),
      named(...BYTES),
    ];
    using live = new LiveNamespace(() => {
      for (const [i, source] of sources.entries()) mountTmpfs(`/${i}`, '', source);
    });
    const captured = live.capture();
    expect(sources.map((_, i) => captured.at(`/${i}`)?.source)).toEqual(sources);
    using _restored = await restoreSame(captured, engine);
  });

  test('of 255 bytes, which is all that a name can have', async () => {
    const names = [
      'n'.repeat(255),
      ' '.repeat(255),
      '\\'.repeat(255),
      `${'ä'.repeat(127)}x`,
      named(...BYTES),
    ];
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      for (const name of names) {
        directory(`/d/${name}/${name}`);
        bindTo(`/d/${name}/${name}`, `/${name}`);
        mountTmpfs(`/${name}/${name}`, '', name);
      }
    });
    const captured = live.capture();
    expect(captured.size).toBe(2 + 2 * names.length);
    using _restored = await restoreSame(captured, engine);
  });

  test.each([4090, 4094, 4095])('of a path of %i bytes', async (length) => {
    const path = `${`/${'p'.repeat(99)}`.repeat(40)}/${'e'.repeat(length - 4001)}`;
    expect(path).toHaveLength(length);
    using live = new LiveNamespace(() => {
      mountTmpfs(path);
      mountTmpfs('/d');
      directory('/d/in');
      bindTo('/d/in', `${path.slice(0, 4000)}/s`);
    });
    const captured = live.capture();
    expect(captured.at(path)?.type).toBe('tmpfs');
    using _restored = await restoreSame(captured, engine);
  });

  test('of a mount point far beyond what one call can take, with nothing mounted on the way', async () => {
    using live = new LiveNamespace(() => {
      process.chdir('/');
      descend(24, 'd');
      mkdirSync('leaf');
      sys.mount('deep', 'leaf', { type: 'tmpfs' });
      writeFileSync('file', '');
      sys.bind('leaf', 'leaf');
      sys.bind('file', 'file');
    });
    const captured = live.capture();
    expect(captured.size).toBe(4);
    expect(captured.mounts.find(({ source }) => source === 'deep')?.mountPoint).toHaveLength(24 * 251 + 5);
    using _restored = await restoreSame(captured, engine);
  });

  test('of directories in one another, a thousand deep, and of some that were deleted', async () => {
    const way = Array.from({ length: 1_000 }, (_, index) => `d${index % 10}`);
    const build = () => {
      mountTmpfs('/d');
      directory(`/d/${way.join('/')}`);
      bindTo('/d/d0', '/top');
      bindTo(`/d/${way.slice(0, 300).join('/')}`, '/middle');
      bindTo(`/d/${way.join('/')}`, '/bottom');
      rmSync('/d/d0', { recursive: true });
      directory(`/d/e/${way.join('/')}`);
      mountTmpfs(`/d/e/${way.join('/')}`);
    };
    using live = new LiveNamespace(build);
    const captured = live.capture();
    expect(captured.mounts.filter(({ deleted }) => deleted)).toHaveLength(3);
    using _restored = await restoreSame(captured, engine);
  });

  test('of a root far beyond what one call can take, and of one that was deleted there', async () => {
    using live = new LiveNamespace(() => {
      mountTmpfs('/d');
      for (const path of ['/here', '/gone']) directory(path);
      process.chdir('/d');
      descend(20, 'r');
      for (const name of ['stays', 'goes']) mkdirSync(name);
      sys.bind('stays', '/here');
      sys.bind('goes', '/gone');
      rmdirSync('goes');
    });
    const captured = live.capture();
    expect(captured.at('/here')?.root).toHaveLength(20 * 251 + 6);
    expect(captured.at('/gone')).toMatchObject({ deleted: true });
    using _restored = await restoreSame(captured, engine);
  });

  test('of mounts in each other down to where no path reaches', async () => {
    await expectShapeComesBack(
      () => {
        process.chdir('/');
        for (const i of numbers(40)) {
          mkdirSync('m'.repeat(200));
          sys.mount(`level ${i}`, 'm'.repeat(200), { type: 'tmpfs' });
          process.chdir('m'.repeat(200));
        }
      },
      engine,
      { size: 41 },
    );
  });
});
