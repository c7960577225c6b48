import { CAPABILITY_NAMES, type Capabilities, type CapabilityName } from '../model/facts.ts';
import { type Cell, layOut } from './columns.ts';
import { lineText } from './escape.ts';
import { NO_PAINT, type Paint, type RenderOptions } from './paint.ts';

const USES: { readonly [name in CapabilityName]: string } = {
  open_tree: 'clone a mount without attaching it',
  move_mount: 'attach a mount by its fd',
  set_group: 'put a mount into a peer group (MOVE_MOUNT_SET_GROUP)',
  beneath: 'place a mount under another (MOVE_MOUNT_BENEATH)',
  detached_trees: 'put a whole tree together before it is attached',
  fsopen: 'make a filesystem option by option',
  mount_setattr: 'give attributes while a mount is detached',
  open_tree_attr: 'clone with attributes in one call',
  openat2: 'resolve a path below a mount and nowhere else',
  statmount: 'read what mountinfo does not say: kinds, idmaps, unique ids',
  listmount: 'list the mounts of another namespace',
};

const ENGINES = ['detached', 'yard', 'classic'] as const;
const ENGINE_NOTES: { readonly [engine in (typeof ENGINES)[number]]: string } = {
  detached: 'the tree is put together detached, and attached by one call',
  yard: 'the tree is put together in a private namespace',
  classic: 'mount(2) and umount2(2) only',
};

/** What this kernel and this user can do, and which engine a restore takes. */
export function renderDoctor(capabilities: Capabilities, options: RenderOptions = {}): string {
  const paint = options.paint ?? NO_PAINT;
  const { privileges, calls, engines } = capabilities;
  const first = ENGINES.find((engine) => engines[engine] === true);

  const callRows = CAPABILITY_NAMES.map((name) => [
    { text: `  ${name}` },
    answer(calls[name]),
    quiet(USES[name]),
  ]);
  const privilegeRows = [
    [{ text: '  mount' }, yesNo(privileges.mount), quiet('CAP_SYS_ADMIN over this mount namespace')],
    [{ text: '  device nodes' }, yesNo(privileges.mknod), quiet('CAP_MKNOD in the initial user namespace')],
    [{ text: '  new user namespace' }, answer(privileges.userNamespace), quiet('restores without privilege')],
  ];
  const engineRows = ENGINES.map((engine) => {
    const found = engines[engine];
    if (found !== true) return [{ text: `  ${engine}` }, yesNo(false), quiet(lineText(found))];
    const used = engine === first ? ': what a restore will use' : '';
    return [{ text: `  ${engine}` }, yesNo(true), quiet(ENGINE_NOTES[engine] + used)];
  });
  const who = `${privileges.inUserNamespace ? ', in a user namespace' : ''}`;
  return [
    `Linux ${lineText(capabilities.kernel)}, uid ${privileges.uid}${who}`,
    ...table('Calls', callRows, paint),
    ...table('Privileges', privilegeRows, paint),
    ...table('Engines', engineRows, paint),
    '',
    verdict(capabilities, first, paint),
  ].join('\n');
}

function table(heading: string, rows: readonly (readonly Cell[])[], paint: Paint): string[] {
  return ['', paint.heading(heading), ...layOut(rows, paint)];
}

function verdict(capabilities: Capabilities, engine: string | undefined, paint: Paint): string {
  if (engine === undefined) return paint.bad('No tree can be restored here: no engine can run.');
  if (capabilities.privileges.mount)
    return paint.good(`Trees can be restored here, with the ${engine} engine.`);
  if (capabilities.privileges.userNamespace === true) {
    return paint.warning(
      `Trees can be restored here in a new user namespace (--userns), with the ${engine} engine.`,
    );
  }
  return paint.bad('No tree can be restored here: this user may neither mount nor make a user namespace.');
}

function answer(found: true | string): Cell {
  return found === true ? { text: 'yes', role: 'good' } : { text: lineText(found), role: 'bad' };
}

function yesNo(found: boolean): Cell {
  return found ? { text: 'yes', role: 'good' } : { text: 'no', role: 'bad' };
}

function quiet(text: string): Cell {
  return { text, role: 'quiet' };
}
