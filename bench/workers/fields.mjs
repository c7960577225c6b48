/** Reads every field of every mount: a table that was parsed lazily is parsed by then. */

/** @returns {number} the length of all fields together. */
export function readFields(tree) {
  let total = 0;
  for (const mount of tree.mounts) total += lengthOf(mount);
  return total;
}

function lengthOf(mount) {
  const { propagation } = mount;
  return (
    textLength([mount.device, mount.root, mount.mountPoint, mount.type, mount.source, mount.superOptions]) +
    textLength(mount.options) +
    textLength(mount.unknownTags) +
    textLength([mount.subtype ?? '', mount.verbatim ?? '', mount.kind]) +
    truths([mount.id, mount.parentId, mount.deleted, propagation.unbindable]) +
    truths([propagation.shared, propagation.master, propagation.propagateFrom])
  );
}

function textLength(texts) {
  let total = 0;
  for (const text of texts) total += text.length;
  return total;
}

function truths(values) {
  let total = 0;
  for (const value of values) if (value) total += 1;
  return total;
}
