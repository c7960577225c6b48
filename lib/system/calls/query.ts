import { formatFlags } from '../../flags.ts';
import { bitsOf, type Flags, refusal } from './arguments.ts';
import { native } from './native.ts';
import { decodeStatmount, type MountStatus, STATMOUNT, STATMOUNT_ALL } from './statmount.ts';

const LSMT_ROOT = -1n;
const LISTMOUNT_REVERSE = 1;

/** Another mount namespace, by its 64-bit id; the caller's own when it is left out. */
export interface InNamespace {
  readonly namespace?: bigint;
}

/**
 * statmount(2): what the kernel knows of one mount, by its unique id (as {@link listmount} gives it).
 * @throws {MountError} ENOENT when there is no such mount in the namespace; ENOSYS before Linux 6.8.
 */
export function statmount(
  id: bigint,
  options: InNamespace & { readonly mask?: Flags<keyof typeof STATMOUNT> } = {},
): MountStatus {
  const mask = options.mask === undefined ? STATMOUNT_ALL : bitsOf(options.mask, STATMOUNT);
  const answer = native.sys.statmount(id, options.namespace ?? 0n, BigInt(mask));
  if (typeof answer !== 'number') return decodeStatmount(answer);
  throw refusal(answer, {
    syscall: 'statmount',
    arguments: [request(id, options), formatFlags(mask, STATMOUNT, 'STATMOUNT_')],
  });
}

/**
 * listmount(2): the unique ids of the mounts below a mount, or with `'root'` of the whole namespace, in the order
 * they were made.
 * @throws {MountError} ENOENT when there is no such mount or namespace here; ENOSYS before Linux 6.8.
 */
export function listmount(
  id: bigint | 'root' = 'root',
  options: InNamespace & { readonly reverse?: boolean } = {},
): bigint[] {
  const flags = options.reverse ? LISTMOUNT_REVERSE : 0;
  const answer = native.sys.listmount(id === 'root' ? LSMT_ROOT : id, options.namespace ?? 0n, flags);
  if (typeof answer !== 'number') return [...answer];
  throw refusal(answer, {
    syscall: 'listmount',
    arguments: [request(id, options), options.reverse ? 'LISTMOUNT_REVERSE' : '0'],
  });
}

function request(id: bigint | 'root', { namespace }: InNamespace): string {
  const mount = id === 'root' ? 'LSMT_ROOT' : `0x${id.toString(16)}`;
  return namespace === undefined ? `{mnt_id=${mount}}` : `{mnt_id=${mount}, mnt_ns_id=${namespace}}`;
}
