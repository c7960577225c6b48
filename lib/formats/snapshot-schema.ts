import type { z } from 'zod';
import { lazySchema } from './zod.ts';

export const FORMAT = 'mountyard-snapshot';
export const VERSION = 1;

const LARGEST_ID = 0x7fffffff;
const LARGEST_UINT32 = 0xffffffff;
/** What stands for no byte; the `u` flag leaves pairs alone. */
const FOREIGN_SURROGATE = /[\ud800-\udc7f\udd00-\udfff]/u;

const schemas = lazySchema((z) => {
  const id = z.int().min(0).max(LARGEST_ID);
  const uint32 = z.int().min(0).max(LARGEST_UINT32);

  const text = z
    .string()
    .regex(/^[^\0]*$/, { error: 'has a NUL byte' })
    .refine((value) => !FOREIGN_SURROGATE.test(value), {
      error: 'has a lone surrogate outside U+DC80 to U+DCFF',
    });
  const name = text.min(1, { error: 'is empty' });
  const line = text.regex(/^[^\n]*$/, { error: 'has a line feed' });

  const decimal = z.string().regex(/^\d{1,20}$/, { error: 'is not a decimal number' });

  const deviceNumber = z
    .string()
    .regex(/^(?:0|[1-9]\d{0,9}):(?:0|[1-9]\d{0,9})$/, { error: 'is not major:minor' });

  const range = z.strictObject({ inside: uint32, outside: uint32, length: uint32.min(1) });

  const node = z.strictObject({
    kind: z.enum(['directory', 'file', 'symlink', 'fifo', 'socket', 'character', 'block']),
    mode: z.int().min(0).max(0o7777),
    uid: uint32.optional(),
    gid: uint32.optional(),
    device: deviceNumber.optional(),
    target: name.optional(),
  });

  const directory = node.pick({ mode: true, uid: true, gid: true }).extend({ path: name });

  const mount = z.strictObject({
    id,
    parentId: id,
    mountPoint: name,
    device: deviceNumber,
    root: name,
    deleted: z.boolean().optional(),
    rootInode: decimal.optional(),
    kind: z.enum(['directory', 'file', 'unknown']).optional(),
    options: z.array(text),
    propagation: z
      .strictObject({
        shared: id.optional(),
        master: id.optional(),
        propagateFrom: id.optional(),
        unbindable: z.boolean().optional(),
      })
      .optional(),
    unknownTags: z.array(name).optional(),
    type: name,
    subtype: text.optional(),
    source: text,
    superOptions: line,
    uniqueId: decimal.optional(),
    idmap: z.strictObject({ uid: z.array(range), gid: z.array(range) }).optional(),
    rootNode: node.optional(),
    placeNode: node.optional(),
    directories: z.array(directory).optional(),
    verbatim: line.optional(),
  });

  const snapshot = z.strictObject({
    format: z.literal(FORMAT),
    version: z.literal(VERSION),
    namespaces: z.array(z.strictObject({ mounts: z.array(mount) })).min(1, { error: 'has no namespace' }),
  });

  return { mount, snapshot, toJSONSchema: z.toJSONSchema };
});

/** A mount as the snapshot has it: what has its ordinary value is left out. */
export type MountRecord = z.infer<ReturnType<typeof schemas>['mount']>;

export const snapshotSchema = () => schemas().snapshot;

/** The JSON Schema (draft 2020-12) of the snapshot format. */
export function snapshotJsonSchema(): object {
  const { snapshot, toJSONSchema } = schemas();
  return { title: 'mountyard snapshot', ...toJSONSchema(snapshot) };
}
