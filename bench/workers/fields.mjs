/**
 * Reads every field of every mount: a table that was parsed lazily is parsed by then. It leaves nothing behind, whose
 * collection would count as parsing.
 */

/** @returns {number} a sum that every field has a part in. */
export function readFields(tree) {
  const { mounts } = tree;
  let total = 0;
  // An iterator of a frozen list makes an object for each.
  for (let index = 0; index < mounts.length; index += 1) total += lengthOf(mounts[index]);
  return total;
}

function lengthOf(mount) {
  const { device, root, mountPoint, type, source, superOptions, kind } = mount;
  const { subtype, verbatim, rootInode, uniqueId } = mount;
  return (
    device.length +
    root.length +
    mountPoint.length +
    type.length +
    source.length +
    superOptions.length +
    kind.length +
    (subtype?.length ?? 0) +
    (verbatim?.length ?? 0) +
    (rootInode?.length ?? 0) +
    (uniqueId?.length ?? 0) +
    textLength(mount.options) +
    textLength(mount.unknownTags) +
    mount.id +
    mount.parentId +
    (mount.deleted ? 1 : 0) +
    sharingOf(mount.propagation)
  );
}

function sharingOf({ shared, master, propagateFrom, unbindable }) {
  return (shared ?? 0) + (master ?? 0) + (propagateFrom ?? 0) + (unbindable ? 1 : 0);
}

function textLength(texts) {
  let total = 0;
  for (let index = 0; index < texts.length; index += 1) total += texts[index].length;
  return total;
}
