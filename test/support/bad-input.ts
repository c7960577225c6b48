import { readFileSync } from 'node:fs';
import { formatSnapshot } from '../../lib/formats/snapshot.ts';
import { LXC_TABLE, lxcTree } from './lxc-host.ts';

const table = readFileSync(LXC_TABLE, 'utf8');

interface Json {
  version: number;
  namespaces: { mounts: { id: number; parentId: number }[] }[];
}

function changedJson(change: (json: Json) => void): string {
  const json = JSON.parse(Buffer.from(formatSnapshot({ namespaces: [lxcTree()] })).toString()) as Json;
  change(json);
  return JSON.stringify(json);
}

function reparent(json: Json, id: number, parentId: number): void {
  for (const mount of json.namespaces[0]?.mounts ?? []) if (mount.id === id) mount.parentId = parentId;
}

const ROOT = '1 0 0:1 / / rw - tmpfs root rw\n';

/** Snapshots that cannot be restored, and what the one message has to say. */
export const BAD_INPUT: readonly [title: string, input: string | Uint8Array, message: RegExp][] = [
  ['nothing', '', /no mount/],
  ['text that is no table', 'hello, world\n', /line 1/],
  ['a table cut off in a line', table.slice(0, table.indexOf(' - proc')), /line 3/],
  ['a table with a field too few', table.replace('44 45 253:1', '44 253:1'), /line 1/],
  ['an id that is no number', ROOT.replace('1 0', 'x 0'), /line 1/],
  ['an id that no number holds', ROOT.replace('1 0', '99999999999999999999 0'), /line 1/],
  ['bytes', Uint8Array.from([0xff, 0xfe, 0x00, 0x0a]), /line 1/],
  ['JSON cut off', changedJson(() => {}).slice(0, 500), /JSON/],
  ['JSON of another version', changedJson((json) => Object.assign(json, { version: 99 })), /version/],
  ['JSON with a cycle in its parents', changedJson((json) => reparent(json, 79, 81)), /each other's parents/],
  ['JSON without namespaces', changedJson((json) => Object.assign(json, { namespaces: [] })), /namespace/],
  ['two roots', '1 1 0:1 / / rw - tmpfs a rw\n2 2 0:2 / / rw - tmpfs b rw\n', /each their own root/],
  ['orphans that are no forest', table.replace(/^79 .*\n/m, ''), /no parent in the table/],
  ['an id given twice', `${ROOT}1 0 0:2 / /a rw - tmpfs a rw\n`, /same id/],
  ['a mount point outside its parent', table.replace(' /run/lock ', ' /dev/lock '), /not inside its parent/],
  ['two mounts in one place', table.replace(' /run/lock ', ' /run/user '), /one place/],
  ['.. in a mount point', table.replace(' /run/lock ', ' /run/../lock '), /component that is no name/],
  ['.. in a root', `${ROOT}2 1 0:1 /../etc /a rw - tmpfs a rw\n`, /component that is no name/],
  ['a mount point that is not absolute', `${ROOT}2 1 0:2 / a rw - tmpfs a rw\n`, /does not start with \//],
  ['a NUL in a mount point', `${ROOT}2 1 0:2 / /a\\000b rw - tmpfs a rw\n`, /NUL|line 2/],
  [
    'a peer group on two filesystems',
    '1 0 0:1 / / rw shared:1 - tmpfs a rw\n2 1 0:2 / /a rw shared:1 - tmpfs a rw\n',
    /two filesystems/,
  ],
];
