import type { PathString } from '../model/mount.ts';
import type { Export, Import } from './compiled.ts';

/** What a slot is looked up by: an import, an export, the caller's namespace. */
export type SlotKey = string;

export function exportKey(name: Export['name'], tree: number): SlotKey {
  return `export:${name}:${tree}`;
}

export function exportName({ name, tree }: Export): string {
  if (name === 'undo') return `directory ${tree + 1} to undo in`;
  return tree === 0 ? name : `${name} ${tree + 1}`;
}

export function importKey(item: Import): SlotKey {
  switch (item.kind) {
    case 'source':
      return sourceKey(item.of, item.path);
    case 'idmap':
      return idmapKey(item.mount);
    default:
      return `import:${item.kind}`;
  }
}

export function sourceKey(of: 'path' | 'mount', path: PathString): SlotKey {
  return `import:${of}:${path}`;
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
