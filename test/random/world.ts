import { mkdirSync } from 'node:fs';
import * as sys from '../../lib/sys.ts';
import { Procfs } from '../../lib/system/calls/procfs.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { idmapNamespace } from '../../lib/system/namespaces/userns.ts';
import { inside } from '../support/inside.ts';
import { perform, refusalOf } from './actions.ts';
import type { Operation } from './operation.ts';
import { shellCommand } from './shell.ts';

const RANGES = [{ inside: 0, outside: 1000, length: 10 }];

/** Mounts, after which nothing is added to a case. */
const ENOUGH = 60;

/** What all cases of a test file use: it makes a case quick. */
export class Workshop implements Disposable {
  readonly procfs = Procfs.open();
  readonly #home = MountNamespace.current();
  /** A namespace with nothing but a tmpfs. */
  readonly #empty: MountNamespace;
  readonly userNamespace = idmapNamespace({ uid: RANGES, gid: RANGES }, 0);

  constructor() {
    using copy = MountNamespace.create();
    this.#empty = inside(copy, () => {
      sys.mount('empty', '/tmp', { type: 'tmpfs', options: 'mode=755' });
      becomeRoot('/tmp');
      mkdirSync('/new');
      return this.ownNamespace();
    });
  }

  /** The namespace that the thread is in, which may have no /proc. */
  ownNamespace(): MountNamespace {
    return new MountNamespace(sys.openat2({ at: this.procfs.root, path: 'thread-self/ns/mnt' }));
  }

  /** A fresh one, whose root is an empty tmpfs. */
  makeNamespace(): MountNamespace {
    return inside(this.#empty, () => {
      sys.unshare(['NEWNS']);
      sys.mount('root', '/new', { type: 'tmpfs', options: 'mode=755' });
      becomeRoot('/new');
      return this.ownNamespace();
    });
  }

  /** Does something in the namespace of the tests, and comes back. */
  atHome(work: () => void): void {
    using here = this.ownNamespace();
    sys.setns(this.#home.fd, ['NEWNS']);
    try {
      work();
    } finally {
      sys.setns(here.fd, ['NEWNS']);
    }
  }

  [Symbol.dispose](): void {
    this.#home.close();
    this.#empty.close();
    this.userNamespace.close();
    this.procfs.close();
  }
}

function becomeRoot(path: string): void {
  process.chdir(path);
  sys.pivotRoot('.', '.');
  sys.umount('.', ['DETACH']);
}

/** Mount namespaces made by operations. */
export class World implements Disposable {
  readonly namespaces: MountNamespace[];
  /** Shell commands of what was done. */
  readonly commands: string[] = [];
  /** How often the kernel refused what, by `bind EINVAL`. */
  readonly refusals = new Map<string, number>();
  constructor(
    readonly workshop: Workshop,
    operations: readonly Operation[],
  ) {
    this.namespaces = [workshop.makeNamespace()];
    try {
      inside(this.namespaces[0] as MountNamespace, () => this.#perform(operations));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #perform(operations: readonly Operation[]): void {
    for (const operation of operations) {
      // Binds of shared trees into themselves grow without bounds.
      if (sys.listmount().length > ENOUGH) break;
      this.#try(operation);
    }
  }

  #try(operation: Operation): void {
    try {
      perform(operation, this);
      this.commands.push(shellCommand(operation));
    } catch (error) {
      const code = refusalOf(error);
      if (code === undefined) throw error;
      const what = `${operation.do} ${code}`;
      this.refusals.set(what, (this.refusals.get(what) ?? 0) + 1);
    }
  }

  [Symbol.dispose](): void {
    for (const namespace of this.namespaces) namespace.close();
  }
}
