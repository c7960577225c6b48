import type { Export, Import } from './compiled.ts';

/** What a slot is looked up by: an import that is no host path, an export, the caller's namespace. */
export type SlotKey = string;

export function exportKey(name: Export['name'], tree: number): SlotKey {
  return `export:${name}:${tree}`;
}

export function exportName({ name, tree }: Export): string {
  if (name === 'undo') return `directory ${tree + 1} to undo in`;
  return tree === 0 ? name : `${name} ${tree + 1}`;
}

export function importKey(item: Exclude<Import, { kind: 'source' }>): SlotKey {
  return item.kind === 'idmap' ? idmapKey(item.mount) : `import:${item.kind}`;
}

export function idmapKey(mount: number): SlotKey {
  return `import:idmap:${mount}`;
}

export function importName(item: Import): string {
  switch (item.kind) {
    case 'source':
      return item.of === 'path' ? `host:${item.path}` : `host mount of ${item.path}`;
    case 'destination':
      return `host:${item.path}`;
    case 'namespace':
      return 'namespace to enter';
    case 'proc':
      return 'proc';
    case 'idmap':
      return `idmap of #${item.mount}`;
  }
}
