/**
 * The trees that are built, as mountinfo; `native/floor.c` builds the same by hand. `mounts` counts all but the root,
 * and for `mix` all but one more.
 */
const DIRECTORIES = 64;
const BLOCK = 10;
export const COPY = 100;

/** Writes lines, with an id for each. */
class Table {
  #lines = ['1 0 0:1 / / rw,relatime - tmpfs root rw'];
  #devices = 1;

  device() {
    this.#devices += 1;
    return this.#devices;
  }

  /** @returns the id of the mount. */
  mount(
    parent,
    mountPoint,
    { device = this.device(), root = '/', options = 'rw', tags = '', source = 't' } = {},
  ) {
    const id = this.#lines.length + 1;
    const fields = `${id} ${parent} 0:${device} ${root} ${mountPoint} ${options},relatime`;
    this.#lines.push(`${fields}${tags && ` ${tags}`} - tmpfs ${source} rw`);
    return id;
  }

  toString() {
    return `${this.#lines.join('\n')}\n`;
  }
}

const TOP = 1;
const READ_ONLY = 'ro,nosuid';

/** Binds of directories of one filesystem, which is mounted too. */
function binds(mounts) {
  const table = new Table();
  const disk = { device: table.device(), source: 'disk' };
  for (let i = 0; i < mounts - 1; i += 1)
    table.mount(TOP, `/m${i}`, { ...disk, root: `/d${i % DIRECTORIES}` });
  table.mount(TOP, '/all', disk);
  return table;
}

function tmpfs(mounts) {
  const table = new Table();
  for (let i = 0; i < mounts; i += 1) table.mount(TOP, `/m${i}`);
  return table;
}

/** Blocks of a shared tmpfs with two mounts in it, a peer, a slave, a shared slave, and four binds. */
function mix(mounts) {
  const table = new Table();
  const disk = { device: table.device(), source: 'disk' };
  const bind = (parent, at, directory, options) =>
    table.mount(parent, at, { ...disk, root: `/d${directory % DIRECTORIES}`, options });
  for (let i = 0; i < Math.floor(mounts / BLOCK); i += 1) {
    const device = table.device();
    const [own, other] = [2 * i + 1, 2 * i + 2];
    const group = table.mount(TOP, `/g${i}`, { device, tags: `shared:${own}` });
    bind(group, `/g${i}/x`, 1, READ_ONLY);
    table.mount(group, `/g${i}/y`, { options: 'rw,nosuid,nodev' });
    table.mount(TOP, `/p${i}`, { device, tags: `shared:${own}` });
    table.mount(TOP, `/s${i}`, { device, tags: `master:${own}` });
    table.mount(TOP, `/q${i}`, { device, tags: `shared:${other} master:${own}` });
    for (let m = 4 * i; m < 4 * i + 4; m += 1) bind(TOP, `/m${m}`, m, m % 2 === 1 ? READ_ONLY : 'rw');
  }
  table.mount(TOP, '/all', disk);
  return table;
}

/** Two filesystems in turn, each mount on the one before. */
function stack(mounts) {
  const table = new Table();
  const layers = [
    { device: table.device(), source: 'even' },
    { device: table.device(), source: 'odd' },
  ];
  let below = TOP;
  for (let i = 0; i < mounts; i += 1) below = table.mount(below, '/s', layers[i % 2]);
  return table;
}

/** Copies of one sub-tree: a bind with 99 binds in it, every other one read-only. */
function repeats(mounts) {
  const table = new Table();
  const disk = { device: table.device(), source: 'disk' };
  for (let i = 0; i < Math.floor(mounts / COPY); i += 1) {
    const top = table.mount(TOP, `/c${i}`, disk);
    for (let m = 0; m < COPY - 1; m += 1)
      table.mount(top, `/c${i}/f${m}`, { ...disk, root: `/e${m}`, options: m % 2 === 1 ? READ_ONLY : 'rw' });
  }
  return table;
}

export const SHAPES = { binds, tmpfs, mix, stack, repeats };

/** @returns {string} the mountinfo of that tree. */
export function tableOf(shape, mounts) {
  return SHAPES[shape](mounts).toString();
}
