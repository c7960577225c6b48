import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as sys from '../../lib/sys.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';
import { AS_NOBODY } from '../support/unprivileged.ts';
import { MAIN, SMALL } from './mountyard.ts';

const FILES = ['/etc/subuid', '/etc/subgid'];
const why = !isMachineRoot
  ? 'without root'
  : [...FILES, '/usr/bin/newuidmap'].find((path) => !existsSync(path));
const MAPS = 'u:0:65534:1,u:1:200000:999,g:0:65534:1,g:1:200000:999';

describe.skipIf(why !== undefined)(
  `ranges of ids for an ordinary user${why ? ` (skipped: ${why})` : ''}`,
  () => {
    let scratch: ScratchMount;

    // In the mount namespace of this file alone.
    beforeAll(() => {
      scratch = new ScratchMount();
      const grants = scratch.at('grants');
      writeFileSync(grants, 'nobody:200000:999\n');
      for (const file of FILES) sys.bind(grants, file);
    });
    afterAll(() => {
      for (const file of FILES) sys.umount(file);
      scratch[Symbol.dispose]();
    });

    const restore = (maps: string, table = SMALL) => {
      const words = [...AS_NOBODY, process.execPath, MAIN, 'restore', '-', '--userns-map', maps];
      const [file = '', ...args] = words;
      const { status, stdout, stderr } = spawnSync(file, args, { input: table, encoding: 'utf8' });
      return { status, out: stdout, err: stderr };
    };

    test('are mapped by newuidmap and newgidmap, and own what the tree says', () => {
      const table = SMALL.replace('rw,size=64k', 'rw,size=64k,uid=7,gid=8');
      const { status, out, err } = restore(MAPS, table);
      expect({ status, err }).toEqual({ status: 0, err: '' });
      expect(out).toContain('Read back: the same tree.');
    });

    test('that were not granted are refused with 3, in their words', () => {
      const { status, out, err } = restore(MAPS.replaceAll('200000', '300000'));
      expect({ status, out }).toEqual({ status: 3, out: '' });
      expect(err).toContain('newuidmap');
      expect(err).toContain('/etc/subuid');
      expect(err).not.toMatch(/^ {4}at /m);
    });
  },
);
