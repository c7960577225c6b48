/** What a restore cannot do without: it is refused before the first call that changes anything. */
export const NEEDED: readonly string[] = ['open_tree', 'move_mount', 'mount_setattr', 'fsopen', 'openat2'];
/** What only adds to what can be told otherwise. */
export const REPLACED: readonly string[] = ['statmount', 'listmount', 'open_tree_attr'];
