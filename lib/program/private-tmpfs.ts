import { FSCONFIG, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC } from '../flags.ts';
import type { Emitter } from './emitter.ts';

/** A detached tmpfs for what nobody else is to see. */
export function makePrivateTmpfs(emitter: Emitter, name: string): number {
  const context = emitter.temporary(`${name} context`);
  const out = emitter.temporary(name);
  emitter.fsopen('tmpfs', FSOPEN_CLOEXEC, context);
  emitter.fsconfig(context, FSCONFIG.SET_STRING, 'mode', '700');
  emitter.fsconfig(context, FSCONFIG.CMD_CREATE);
  emitter.fsmount(context, FSMOUNT_CLOEXEC, out);
  emitter.close(context);
  return out;
}
