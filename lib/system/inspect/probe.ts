import { release } from 'node:os';
import type { Capabilities, CapabilityName } from '../../model/facts.ts';
import { errnoName } from '../calls/errno.ts';
import { type CallAnswers, mayMount, tryCalls } from '../calls/probe-calls.ts';
import { Procfs } from '../calls/procfs.ts';
import { runSmallRaw, smallProgram } from '../calls/small-program.ts';
import { idMapOf } from '../capture/owner-ids.ts';
import { placeFor } from '../namespaces/userns.ts';

const CAP_MKNOD = 27n;
/** Inode of the initial user namespace (PROC_USER_INIT_INO in include/linux/proc_ns.h). */
const INITIAL_USER_NAMESPACE = 'user:[4026531837]';
const ALL_IDS = 4_294_967_295;

/** What the engines are made of. */
const YARD_NEEDS: readonly CapabilityName[] = [
  'open_tree',
  'move_mount',
  'fsopen',
  'mount_setattr',
  'openat2',
  'set_group',
];
const DETACHED_NEEDS: readonly CapabilityName[] = [...YARD_NEEDS, 'detached_trees'];
const NOT_BUILT = 'this version of mountyard has only the detached engine and the yard engine';

/**
 * What this kernel and this user can do, found by trying each call in a way that changes nothing. An unprivileged
 * user's calls are tried in a new user namespace, where there may be one. What the kernel was once seen to do is not
 * tried again; what the user may do is.
 *
 * @throws {ProcfsError} when /proc is no procfs; {MountError} where nothing can be tried: no thread, memory or fd.
 */
export function probe(): Capabilities {
  using procfs = Procfs.open();
  return probeWith(procfs);
}

/** @param needsUserNamespace `false`: one is only tried, which takes a fork, where the user may not mount without. */
export function probeWith(procfs: Procfs, needsUserNamespace = true): Capabilities {
  const here = tryCalls({ kind: 'thread' });
  const mount = mayMount(here);
  const userNamespace = mount && !needsUserNamespace ? 'not tried' : tryUserNamespace();
  const inUserNamespace = livesInUserNamespace(procfs);
  const calls = mount || userNamespace !== true ? here : tryCalls(placeFor('self'));
  return {
    kernel: release(),
    calls,
    privileges: {
      uid: process.geteuid?.() ?? 0,
      gid: process.getegid?.() ?? 0,
      mount,
      mknod: !inUserNamespace && procfs.hasCapability(CAP_MKNOD),
      inUserNamespace,
      ...(inUserNamespace && { idMap: idMapOf(procfs) }),
      userNamespace,
    },
    engines: {
      detached: lackOf(DETACHED_NEEDS, calls),
      yard: lackOf(YARD_NEEDS, calls),
      classic: NOT_BUILT,
    },
  };
}

function lackOf(needs: readonly CapabilityName[], calls: CallAnswers): true | string {
  const lacking = needs.filter((name) => calls[name] !== true);
  if (lacking.length === 0) return true;
  return lacking.map((name) => `${name} is answered by ${calls[name]}`).join(', ');
}

/** Makes a user and a mount namespace in a forked child, which ends at once. */
function tryUserNamespace(): true | string {
  const result = runSmallRaw(
    smallProgram({}, (program) => program.op('unshare', { f1: 0 })),
    [],
    placeFor('self'),
  );
  return result.status === 'done' ? true : errnoName(result.errno);
}

function livesInUserNamespace(procfs: Procfs): boolean {
  const [range, ...others] = idMapOf(procfs).uid;
  if (others.length > 0 || range?.inside !== 0 || range.outside !== 0 || range.length !== ALL_IDS)
    return true;
  return procfs.readLink('thread-self/ns', 'user') !== INITIAL_USER_NAMESPACE;
}
