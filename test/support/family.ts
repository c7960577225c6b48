import type { ChildProcess } from 'node:child_process';
import { readlinkSync, writeFileSync } from 'node:fs';
import type { Snapshot } from '../../lib/model/snapshot.ts';
import * as sys from '../../lib/sys.ts';
import { Procfs } from '../../lib/system/calls/procfs.ts';
import { descendantsOf } from '../../lib/system/capture/processes.ts';
import { captureSnapshot } from '../../lib/system/capture/snapshot.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { commandFiles, install } from './commands.ts';
import { bindTo, directory, LiveNamespace, mountTmpfs, slaveOf } from './live.ts';

const COMMANDS = ['sh', 'mount', 'umount', 'unshare', 'sleep'].map((name) => `/usr/bin/${name}`);

/** In the second namespace, made as it is by unshare(2): shared mounts became peers. */
const CHILD = `
  mount -t tmpfs of-the-child /own/child
  mount --bind /shared /own/bound
`;
/** In the third, where all that was shared became a slave, and some of it shared again. */
const GRANDCHILD = `
  mount --make-shared /shared
  mount -t tmpfs of-the-grandchild /shared/mine
  mount --bind /shared /own/bound
`;
const SCRIPT = `
  unshare --mount --propagation unchanged sh -e -c "${CHILD}
    unshare --mount --propagation slave sh -e -c \\"${GRANDCHILD}
      echo ready; exec sleep 600\\" &
    wait" &
  wait
`;

/** Three processes, each in a mount namespace that was made from that of its parent. */
export class Family implements AsyncDisposable {
  readonly #first: LiveNamespace;
  readonly #process: ChildProcess;

  private constructor(first: LiveNamespace, process: ChildProcess) {
    this.#first = first;
    this.#process = process;
  }

  static async start(): Promise<Family> {
    const files = commandFiles(...COMMANDS);
    const first = new LiveNamespace(
      () => {
        install('/', files);
        directory('/dev');
        writeFileSync('/dev/null', ''); // what a shell's background jobs read
        mountTmpfs('/own');
        for (const name of ['/own/child', '/own/bound', '/root-peer']) directory(name);
        mountTmpfs('/shared');
        for (const name of ['late', 'mine']) directory(`/shared/${name}`);
        sys.makeShared('/shared');
        bindTo('/shared', '/peer');
        slaveOf('/shared', '/slave');
        mountTmpfs('/shared/before', '', 'before');
        sys.makeShared('/');
        sys.bind('/', '/root-peer');
      },
      { proc: true },
    );
    const process = first.namespace.spawn('/usr/bin/sh', ['-e', '-c', SCRIPT], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
      env: { PATH: '/usr/bin' },
    });
    const family = new Family(first, process);
    try {
      await new Promise((resolve, reject) => {
        process.stdout?.once('data', resolve);
        process.once('close', (status) => reject(new Error(`the family ended with ${status}`)));
      });
    } catch (error) {
      first[Symbol.dispose]();
      throw error;
    }
    return family;
  }

  capture(): Snapshot {
    return captureSnapshot({ pid: this.#process.pid as number, descendants: true });
  }

  /** Of the three processes, in the order of the snapshot; the caller closes them. */
  namespaces(): MountNamespace[] {
    using procfs = Procfs.open();
    const pids = [this.#process.pid as number, ...descendantsOf(procfs, this.#process.pid as number)];
    const byNamespace = new Map(pids.map((pid) => [readlinkSync(`/proc/${pid}/ns/mnt`), pid]));
    return [...byNamespace.values()].map((pid) => MountNamespace.of(pid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#process.once('close', resolve));
    process.kill(-(this.#process.pid as number), 'SIGKILL'); // the group that was made above
    await closed;
    this.#first[Symbol.dispose]();
  }
}
