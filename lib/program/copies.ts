/** Host paths that a program opens itself, because it has a copy of the caller's mounts. */
import { O, RESOLVE } from '../flags.ts';
import type { PathString } from '../model/mount.ts';
import type { HostPath } from '../plan/host-path.ts';
import type { RestorePlan } from '../plan/plan.ts';
import type { Script } from '../plan/steps/script.ts';
import { type Emitter, RETRIES } from './emitter.ts';
import { importName } from './slot-keys.ts';

/** Before anything changes the root that their paths start from. */
export function openCopies(emitter: Emitter, { imports, script }: RestorePlan): void {
  const copied = imports.filter(({ inCopy }) => inCopy);
  if (copied.length === 0) return;
  const users = firstUsers(script);
  for (const source of copied) {
    emitter.step = users.get(nameOf(source.of, source.path)) ?? -1;
    openCopy(emitter, source);
  }
  emitter.step = -1;
}

function openCopy(emitter: Emitter, source: HostPath): void {
  const { path, identity } = source.inCopy as NonNullable<HostPath['inCopy']>;
  const out = emitter.addSource(source, `copy of ${importName({ kind: 'source', ...source })}`);
  emitter.op('openat2', {
    s1: path,
    f1: O.PATH | O.NOFOLLOW | O.CLOEXEC,
    f3: RESOLVE.NO_SYMLINKS | RESOLVE.NO_MAGICLINKS,
    out,
    retries: RETRIES,
  });
  if (!identity) return; // planned for another machine
  emitter.op('check', { a: out, f1: identity.type, f2: BigInt(identity.device), f3: BigInt(identity.inode) });
}

function nameOf(of: HostPath['of'], path: PathString): string {
  return `${of}:${path}`;
}

/** The first step that uses each host path. */
function firstUsers(script: Script): Map<string, number> {
  const users = new Map<string, number>();
  for (let index = script.length - 1; index >= 0; index -= 1) {
    if (script.lineAt(index) !== 'step') continue;
    const step = script.action(index);
    if (step.kind === 'clone-source') users.set(nameOf(step.of, step.source), index);
    if (step.kind === 'make-group' && step.from && 'mountOf' in step.from)
      users.set(nameOf(step.from.of, step.from.mountOf), index);
  }
  return users;
}
