/** What commands can reach by way of the processes that are there for their namespaces, or on their way in. */
import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AT_FDCWD, O } from '../../lib/flags.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import { enterPath } from '../../lib/system/calls/addon.ts';
import { native } from '../../lib/system/calls/native.ts';
import { probe } from '../../lib/system/inspect/probe.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTreeSync } from '../../lib/system/restore/restore.ts';
import type { RestoredTree } from '../../lib/system/restore/restored.ts';
import { commandFiles, install } from '../support/commands.ts';
import { inside } from '../support/inside.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

const TREE = parseMountinfo(`1 0 0:1 / / rw,relatime - tmpfs root rw
2 1 0:2 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
`);
const CONTAINERS: { readonly [title: string]: RestoreOptions } = {
  'a user namespace of its own': { userNamespace: 'self', newNamespaces: ['pid'] },
  'the user namespace of the caller': { newNamespaces: ['pid'] },
};
const SECRET = 'MOUNTYARD_TEST_SECRET';
const canMake = isMachineRoot && probe().privileges.userNamespace === true;

describe.skipIf(!canMake).each(Object.entries(CONTAINERS))('a container with %s', (_, options) => {
  expectNoLeakedFds();
  let scratch: ScratchMount;
  let enter: string;
  let files: ReturnType<typeof commandFiles>;

  // Its own copy of the program that enters namespaces, for the attack that writes to that.
  beforeAll(() => {
    scratch = new ScratchMount();
    enter = scratch.at('copy-enter');
    copyFileSync(enterPath(), enter);
    files = commandFiles(enter, '/bin/sh', '/bin/ls', '/usr/bin/readlink', '/usr/bin/sleep');
  });
  afterAll(() => scratch[Symbol.dispose]());

  function withAddonOf<T>(program: string, work: () => T): T {
    const { MOUNTYARD_ADDON: addon } = process.env;
    process.env.MOUNTYARD_ADDON = program.replace(/-enter$/, '.node');
    try {
      return work();
    } finally {
      if (addon === undefined) delete process.env.MOUNTYARD_ADDON;
      else process.env.MOUNTYARD_ADDON = addon;
    }
  }

  function start(): RestoredTree {
    const restored = restoreTreeSync(TREE, options);
    inside(restored.namespace as MountNamespace, () => install('/', files));
    return restored;
  }

  function outputOf(restored: RestoredTree, script: string): string {
    const namespace = restored.namespace as MountNamespace;
    const { stdout, status } = namespace.spawnSync('/bin/sh', ['-c', script], {
      encoding: 'utf8',
      env: { PATH: '/bin:/usr/bin' },
    });
    expect(status).toBe(0);
    return stdout;
  }

  test('finds no directory, no open file and no variable of the host at its first process (CVE-2024-21626)', () => {
    process.env[SECRET] = 'told to nobody';
    const careless = native.sys.openat2(AT_FDCWD, Buffer.from('/'), BigInt(O.PATH | O.DIRECTORY), 0n, 0n);
    try {
      using restored = start();
      const found = outputOf(
        restored,
        'cd /proc/1; echo root/* cwd/* fd/*/*; while read -r line; do echo "$line"; done 2>&1 <environ; exit 0',
      );
      expect(found).toMatch(/^root\/\* cwd\/\* fd\/\*\/\*\n/);
      expect(found).not.toContain(SECRET);
      const linksOf = (pid: string) =>
        outputOf(
          restored,
          `cd /proc/${pid}; for link in root cwd exe ns/mnt; do readlink $link; done; exit 0`,
        );
      expect(linksOf('self').trim().split('\n')).toHaveLength(4);
      // Who has a privilege over the caller's user namespace can enter its mount namespace, too.
      if (options.userNamespace) expect(linksOf('1')).toBe('');
      expect(linksOf('1')).not.toContain('enter\n');
    } finally {
      delete process.env[SECRET];
      native.sys.close(careless);
    }
  });

  test('cannot write to the program that enters it (CVE-2019-5736)', async () => {
    const before = readFileSync(enter);
    using restored = withAddonOf(enter, start);
    const namespace = restored.namespace as MountNamespace;
    // A command that is the entering program itself, and stays; a script that begins with #!/proc/self/exe is the same.
    const victim = withAddonOf(enter, () =>
      namespace.spawn('/proc/self/exe', ['--keep', '0', '1'], { stdio: ['ignore', 'pipe', 'ignore'] }),
    );
    const ended = once(victim, 'close');
    await once(victim.stdout as NodeJS.ReadableStream, 'data');
    const said = outputOf(
      restored,
      `for process in /proc/[0-9]*; do
         exe=$(readlink $process/exe) || { echo hidden; continue; }
         case $exe in *sh) continue;; esac
         echo "$exe"
         ( exec 3<$process/exe; kill -9 \${process#/proc/}; sleep 0.2; echo evil >/proc/self/fd/3 ) 2>/dev/null
       done; exit 0`,
    );
    expect(said.split('\n').filter((line) => /^(hidden|\/memfd:)/.test(line)).length).toBeGreaterThan(1);
    expect(said).not.toContain(enter);
    expect(readFileSync(enter).equals(before)).toBe(true);
    victim.kill();
    await ended;
  });
});
