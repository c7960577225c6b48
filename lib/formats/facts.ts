import { ParseError } from '../errors.ts';
import { decodeBytes } from '../model/bytes.ts';
import { CAPABILITY_NAMES, type HostFacts } from '../model/facts.ts';
import { validate } from './validate.ts';
import { lazySchema } from './zod.ts';

const hostFacts = lazySchema((z) => {
  const yes = z.union([z.literal(true), z.string()]);
  const pathFact = z.enum(['absent', 'symlink', 'directory', 'file', 'unknown']);
  const paths = z.record(z.string(), pathFact);
  const range = z.strictObject({ inside: z.int(), outside: z.int(), length: z.int() });

  const idMap = z.strictObject({ uid: z.array(range), gid: z.array(range) });

  const node = z.strictObject({
    kind: z.enum(['directory', 'file', 'symlink', 'fifo', 'socket', 'character', 'block']),
    mode: z.int(),
    uid: z.int(),
    gid: z.int(),
    device: z.string().optional(),
    target: z.string().optional(),
  });

  const mount = z.strictObject({
    id: z.int(),
    parentId: z.int(),
    device: z.string(),
    root: z.string(),
    deleted: z.boolean(),
    mountPoint: z.string(),
    options: z.array(z.string()),
    propagation: z.strictObject({
      shared: z.int().optional(),
      master: z.int().optional(),
      propagateFrom: z.int().optional(),
      unbindable: z.boolean(),
    }),
    unknownTags: z.array(z.string()),
    type: z.string(),
    subtype: z.string().optional(),
    source: z.string(),
    superOptions: z.string(),
    kind: z.enum(['directory', 'file', 'unknown']),
    uniqueId: z.string().optional(),
    idmap: idMap.optional(),
    rootNode: node.optional(),
    placeNode: node.optional(),
    verbatim: z.string().optional(),
  });

  const capabilities = z.strictObject({
    kernel: z.string(),
    calls: z.strictObject(fromNames(CAPABILITY_NAMES, yes)),
    privileges: z.strictObject({
      uid: z.int(),
      gid: z.int().optional(),
      mount: z.boolean(),
      mknod: z.boolean(),
      inUserNamespace: z.boolean(),
      idMap: idMap.optional(),
      userNamespace: yes,
    }),
    engines: z.strictObject({ detached: yes, yard: yes, classic: yes }),
  });

  const decimal = z.string().regex(/^\d{1,20}$/);
  const identity = z.strictObject({ type: z.int(), device: decimal, inode: decimal });

  const source = z.strictObject({
    path: z.string(),
    kind: pathFact,
    error: z.string().optional(),
    root: z.string().optional(),
    mount: mount.optional(),
    mountRootReachable: z.boolean().optional(),
    submounts: z.boolean().optional(),
    locks: z
      .strictObject({ options: z.array(z.string()), below: z.boolean(), mountBelow: z.boolean() })
      .optional(),
    identity: identity.optional(),
    mountRootIdentity: identity.optional(),
    paths,
  });

  const filesystem = z.strictObject({
    creatable: yes,
    log: z.array(z.string()).optional(),
    device: z.string().optional(),
    superOptions: z.string().optional(),
    paths,
  });

  return z.strictObject({
    format: z.literal('mountyard-host-facts'),
    version: z.literal(1),
    capabilities,
    sources: z.record(z.string(), source),
    filesystems: z.record(z.string(), filesystem),
    destination: z
      .strictObject({
        path: z.string(),
        kind: pathFact,
        error: z.string().optional(),
        mount: mount.optional(),
        hasSharing: z.literal(true).optional(),
        idMap: idMap.optional(),
      })
      .optional(),
    namespaces: yes.optional(),
    cgroups: z.array(z.strictObject({ controllers: z.array(z.string()), path: z.string() })).optional(),
    hostMounts: z.array(mount).optional(),
  });
});

/**
 * Reads the facts of a host, as `formatHostFacts` wrote them.
 * @throws {ParseError} for what is no JSON, no host facts, or of another version.
 */
export function parseHostFacts(input: Uint8Array | string): HostFacts {
  const value = parseJson(typeof input === 'string' ? input : decodeBytes(input));
  const result = validate(hostFacts(), value, 'the list of host facts');
  if (result.success) return result.data as HostFacts;
  const issue = result.error.issues[0];
  throw new ParseError(
    `these are no host facts: at ${(issue?.path ?? []).join('.') || 'the top'}: ${issue?.message}`,
  );
}

/** The facts as JSON; every path keeps its bytes. */
export function formatHostFacts(facts: HostFacts): string {
  return `${JSON.stringify(facts, null, 1)}\n`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ParseError(`the host facts are no JSON: ${(error as Error).message}`);
  }
}

function fromNames<N extends string, T>(names: readonly N[], value: T): { [name in N]: T } {
  return Object.fromEntries(names.map((name) => [name, value])) as { [name in N]: T };
}
