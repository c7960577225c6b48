import { renameSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  captureTree,
  formatSnapshot,
  type MountTree,
  parseSnapshot,
  restoreTreeSync,
  UnseenMountsError,
} from '../../lib/index.ts';
import { UNREACHABLE } from '../../lib/model/mount.ts';
import { atOnce } from '../../lib/model/pausing.ts';
import * as sys from '../../lib/sys.ts';
import type { OwnedFd } from '../../lib/system/calls/fd.ts';
import { native } from '../../lib/system/calls/native.ts';
import { Procfs } from '../../lib/system/calls/procfs.ts';
import { listMounts } from '../../lib/system/capture/listing.ts';
import { namespaceId, readTable } from '../../lib/system/capture/table.ts';
import { directory, LiveNamespace, mountTmpfs } from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';

/**
 * A namespace whose root is a bind of a sub-directory, which has mounts on a directory that was moved out of it. They
 * stand on nothing that the root shows.
 */
class Escaped implements Disposable {
  readonly live: LiveNamespace;
  readonly #filesystem: string;
  readonly #fd: OwnedFd;

  constructor() {
    this.live = new LiveNamespace();
    this.#fd = this.live.do(() => {
      mountTmpfs('/d', '', 'root');
      directory('/d/sub/was');
      const fd = sys.openat2('/d', { flags: ['PATH', 'DIRECTORY'] });
      sys.bind('/d/sub', '/d/sub');
      sys.pivotRoot('/d/sub', '/d/sub/was');
      process.chdir('/');
      sys.umount('/was', ['DETACH']);
      return fd;
    });
    this.#filesystem = `/proc/self/fd/${this.#fd.number}`;
    this.live.do(() => {
      mountTmpfs('/away', '', 'escaped');
      mountTmpfs('/away/in', '', 'in it');
      mountTmpfs('/stays', '', 'stays');
    });
    renameSync(`${this.#filesystem}/sub/away`, `${this.#filesystem}/away`);
  }

  comeBack(): void {
    renameSync(`${this.#filesystem}/away`, `${this.#filesystem}/sub/away`);
  }

  get fd(): OwnedFd {
    return this.live.namespace.fd;
  }

  [Symbol.dispose](): void {
    this.#fd.close();
    this.live[Symbol.dispose]();
  }
}

/** The source of what each mount is on, and its mount point, by its source. */
const placesOf = (tree: MountTree) =>
  Object.fromEntries(
    tree.mounts.map((mount) => [mount.source, [tree.parentOf(mount)?.source, mount.mountPoint]]),
  );

const ALL = {
  root: [undefined, '/'],
  escaped: ['root', UNREACHABLE],
  'in it': ['escaped', UNREACHABLE],
  stays: ['root', '/stays'],
};

describe.skipIf(!isMachineRoot)(
  'mounts that were moved out of what the root of their namespace shows',
  () => {
    expectNoLeakedFds();

    test('are counted by the kernel, not listed, and captured', () => {
      using escaped = new Escaped();
      expect(native.sys.namespaceMounts(escaped.fd.number)).toBe(4);
      expect(listMounts(namespaceId(escaped.fd) as bigint).ids).toHaveLength(2);
      const file = `/proc/self/fd/${escaped.fd.number}`;
      for (const tree of [
        escaped.live.capture(),
        captureTree({ fd: escaped.fd }),
        captureTree({ ns: file }),
      ]) {
        expect(tree.problems).toEqual([]);
        expect(placesOf(tree)).toEqual(ALL);
        expect(parseSnapshot(formatSnapshot({ namespaces: [tree] })).namespaces).toEqual([tree]);
        expect(() => restoreTreeSync(tree, { fresh: 'all' })).toThrow(
          /is on a directory that was moved out of \/sub, which mount \d+ at \/ shows/,
        );
      }
      escaped.comeBack();
      expect(listMounts(namespaceId(escaped.fd) as bigint).ids).toHaveLength(4);
      expect(placesOf(escaped.live.capture())).toMatchObject({ escaped: ['root', '/away'] });
    });

    /** Reads the table as one who may not see the root of the namespace. */
    function readFromAfar({ live, fd }: Escaped, pollNow = native.sys.pollNow): MountTree {
      using procfs = Procfs.open();
      using table = live.do(() => procfs.open('thread-self/mountinfo'));
      return atOnce(readTable(table, { namespace: fd, whole: true }, { ...native.sys, pollNow }));
    }

    test('are said to be missing where the namespace cannot be entered', () => {
      using escaped = new Escaped();
      const read = () => readFromAfar(escaped);
      expect(read).toThrow(UnseenMountsError);
      expect(read).toThrow(/^the mount namespace has 4 mounts, and no reading shows 2 of them: /);
      escaped.comeBack();
      expect(read().size).toBe(4);
    });

    test('are not said to be missing of a reading during which mounts came', () => {
      using escaped = new Escaped();
      let polls = 0;
      const tree = readFromAfar(escaped, (fd, events) => {
        polls += 1;
        if (polls === 3) {
          escaped.comeBack();
          escaped.live.do(() => mountTmpfs('/late', '', 'late'));
        }
        return native.sys.pollNow(fd, events);
      });
      expect(tree.mounts.map(({ source }) => source).sort()).toEqual([
        'escaped',
        'in it',
        'late',
        'root',
        'stays',
      ]);
      expect(polls).toBe(6);
    });
  },
);
