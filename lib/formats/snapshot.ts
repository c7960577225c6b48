import type { z } from 'zod';
import { ParseError } from '../errors.ts';
import { decodeBytes } from '../model/bytes.ts';
import { defined } from '../model/defined.ts';
import type { DirectoryStatus, Mount, NodeStatus, Propagation } from '../model/mount.ts';
import { propagationOf } from '../model/propagation.ts';
import { ReadMount } from '../model/read-mount.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { MountTree } from '../model/tree.ts';
import { FORMAT, type MountRecord, snapshotSchema, VERSION } from './snapshot-schema.ts';
import { validate } from './validate.ts';

export { snapshotJsonSchema } from './snapshot-schema.ts';

/**
 * Reads snapshot JSON. Whether the mounts make trees is not asked here: see `MountTree.problems`.
 * @throws {ParseError} for what is no JSON (with line and column), no snapshot, of another version, or has anything
 * that the format does not know (with the path of it).
 */
export function parseSnapshot(input: Uint8Array | string): Snapshot {
  const value = parseJson(typeof input === 'string' ? input : decodeBytes(input));
  refuseForeign(value);
  const result = validate(snapshotSchema(), value, 'the snapshot');
  if (!result.success) throw new ParseError(sentence(result.error.issues[0]));
  return { namespaces: result.data.namespaces.map(({ mounts }) => new MountTree(mounts.map(toMount))) };
}

/** Snapshot JSON with one mount a line, keys in one order and ordinary values left out: made for line-wise diffs. */
export function formatSnapshot(snapshot: Snapshot): string {
  const namespaces = snapshot.namespaces.map((tree) => {
    const mounts = tree.mounts.map((mount) => `  ${JSON.stringify(toRecord(mount))}`);
    return mounts.length === 0 ? ' {"mounts":[]}' : ` {"mounts":[\n${mounts.join(',\n')}\n ]}`;
  });
  return `{"format":"${FORMAT}","version":${VERSION},"namespaces":[\n${namespaces.join(',\n')}\n]}\n`;
}

function toMount(record: MountRecord): Mount {
  const {
    propagation,
    deleted,
    kind,
    unknownTags,
    rootNode,
    placeNode,
    subtype,
    uniqueId,
    rootInode,
    idmap,
    directories,
    verbatim,
    ...rest
  } = record;
  return ReadMount.of({
    ...rest,
    deleted: deleted ?? false,
    kind: kind ?? 'unknown',
    propagation: propagationOf(propagation ?? {}),
    unknownTags: unknownTags ?? [],
    ...defined({ subtype, uniqueId, rootInode, idmap, verbatim }),
    ...(directories && { directories: directories.map(toDirectory) }),
    ...(rootNode && { rootNode: toNode(rootNode) }),
    ...(placeNode && { placeNode: toNode(placeNode) }),
  });
}

type NodeRecord = NonNullable<MountRecord['rootNode']>;
type DirectoryRecord = NonNullable<MountRecord['directories']>[number];

function toNode({ kind, mode, uid, gid, device, target }: NodeRecord): NodeStatus {
  return { kind, mode, ...defined({ uid, gid, device, target }) };
}

function toDirectory({ path, mode, uid, gid }: DirectoryRecord): DirectoryStatus {
  return { path, mode, ...defined({ uid, gid }) };
}

function toRecord(mount: Mount): MountRecord {
  return {
    id: mount.id,
    parentId: mount.parentId,
    mountPoint: mount.mountPoint,
    device: mount.device,
    root: mount.root,
    ...(mount.deleted && { deleted: true }),
    ...defined({ rootInode: mount.rootInode }),
    ...(mount.kind !== 'unknown' && { kind: mount.kind }),
    options: [...mount.options],
    ...toPropagationRecord(mount.propagation),
    ...(mount.unknownTags.length > 0 && { unknownTags: [...mount.unknownTags] }),
    type: mount.type,
    ...defined({ subtype: mount.subtype }),
    source: mount.source,
    superOptions: mount.superOptions,
    ...defined({ uniqueId: mount.uniqueId }),
    ...(mount.idmap && { idmap: { uid: [...mount.idmap.uid], gid: [...mount.idmap.gid] } }),
    ...defined({ rootNode: mount.rootNode, placeNode: mount.placeNode }),
    ...(mount.directories && { directories: [...mount.directories] }),
    ...defined({ verbatim: mount.verbatim }),
  };
}

function toPropagationRecord({
  shared,
  master,
  propagateFrom,
  unbindable,
}: Propagation): Partial<MountRecord> {
  const record = { ...defined({ shared, master, propagateFrom }), ...(unbindable && { unbindable }) };
  return Object.keys(record).length === 0 ? {} : { propagation: record };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notJson(text, (error as Error).message);
  }
}

/** V8 gives the position in some of its messages only. */
function notJson(text: string, message: string): ParseError {
  if (text.trim() === '') return new ParseError('the snapshot is no JSON: it is empty', 1, 1);
  const position = /end of JSON input/.test(message) ? text.length : / at position (\d+)/.exec(message)?.[1];
  if (position === undefined)
    return new ParseError(`the snapshot is no JSON: ${/^[^,]*/.exec(message)?.[0]}`);
  const before = text.slice(0, Number(position)).split('\n');
  const what = position === text.length ? 'it breaks off' : message.replace(/ in JSON at position.*/s, '');
  return new ParseError(
    `the snapshot is no JSON: ${what}`,
    before.length,
    Buffer.byteLength(before.at(-1) ?? '') + 1,
  );
}

/** What is no snapshot at all, or one that a later mountyard wrote. */
function refuseForeign(value: unknown): void {
  const { format, version } = (typeof value === 'object' && value !== null ? value : {}) as {
    format?: unknown;
    version?: unknown;
  };
  if (format !== FORMAT) {
    throw new ParseError(`the JSON is no mountyard snapshot: its "format" is not "${FORMAT}"`);
  }
  if (version !== VERSION) {
    throw new ParseError(
      `the snapshot has version ${JSON.stringify(version) ?? 'none'}, and this mountyard reads version ${VERSION}`,
    );
  }
}

/** One sentence for the first thing that is wrong, with its JSON path. */
function sentence(issue: z.core.$ZodIssue | undefined): string {
  if (!issue) return 'the snapshot is not valid';
  const path = issue.path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return `$${path} ${complaint(issue)}`;
}

function complaint(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? 'is missing'
        : `is ${typeName(issue.input)}, not ${NOUNS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `is none of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'unrecognized_keys':
      return `has the unknown key ${JSON.stringify(issue.keys[0])}`;
    case 'too_big':
      return issue.maximum === Number.MAX_SAFE_INTEGER ? 'is too large' : `is larger than ${issue.maximum}`;
    case 'too_small':
      return issue.origin === 'int' || issue.origin === 'number'
        ? `is less than ${issue.minimum}`
        : issue.message;
    default:
      return issue.message;
  }
}

const NOUNS: { readonly [type: string]: string } = {
  int: 'a whole number',
  number: 'a number',
  string: 'a string',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
};

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'boolean' || typeof value === 'number') return String(value);
  return typeof value === 'string' ? 'a string' : 'an object';
}
