/** Tests of what a missing call alone tells or does, where that is left out and nothing is refused. */
export const RULED_OUT: readonly {
  readonly calls: readonly string[];
  /** Matches the name of the file, a space, and the full name of the test. */
  readonly tests: RegExp;
  readonly why: string;
}[] = [
  {
    calls: ['open_tree', 'mount_setattr'],
    tests:
      /^(capture-nodes|capture|inspect)\.test\.ts .*(are the directories on the way|caller’s own namespace, too|the place under a mount|whether it is a file|kinds, modes and owners|a file is a file|paths below are looked up)/,
    why: 'What a mount covers is looked at in a private clone of the one below; without it the kind is unknown.',
  },
  {
    calls: ['open_tree', 'move_mount', 'mount_setattr', 'fsopen'],
    tests: /^capture-clones\.test\.ts /,
    why: 'It looks at the clones themselves: there are none, or no tree that all of them could lie in.',
  },
  {
    calls: ['open_tree', 'move_mount', 'mount_setattr', 'fsopen'],
    tests: /^bad-input\.test\.ts .*is not there: /,
    why: 'It wants an option that cures each requirement, and there is none for an engine that cannot be used.',
  },
  {
    calls: ['open_tree', 'move_mount', 'mount_setattr', 'fsopen'],
    tests: /^probe\.test\.ts .*what the trials go by/,
    why: 'It makes the calls themselves.',
  },
  {
    calls: ['statmount', 'listmount'],
    tests:
      /^(capture|damage|idmap|shapes-attributes|capture-idmapped)\.test\.ts .*(\bmaps?\b|idmap|idmapped parent)/,
    why: 'The map of an idmapped mount is told by statmount alone; a restore of such a mount asks for it.',
  },
  {
    calls: ['fsopen'],
    tests: /^inspect\.test\.ts filesystems/,
    why: 'Of a filesystem that cannot be tried the facts say creatable: ENOSYS, and nothing of its paths.',
  },
  {
    calls: ['listmount'],
    tests: /^capture-escaped\.test\.ts .*are counted by the kernel, not listed/,
    why: 'It makes the call itself.',
  },
  {
    calls: ['open_tree_attr'],
    tests: /^capture-idmapped\.test\.ts /,
    why: 'Owners that the map of a mount hides are seen in a clone without it; else they are left out of a snapshot.',
  },
  {
    calls: ['statmount', 'listmount'],
    tests: /^(capture-calls|sys)\.test\.ts /,
    why: 'It makes the calls themselves, and compares what they tell.',
  },
  {
    calls: ['statmount', 'listmount'],
    tests: /^capture-hidden\.test\.ts .*(of the caller are captured|a change of propagation alone)/,
    why: 'The own table is what its mountinfo shows, as is told of captureTree(); its text is then read twice.',
  },
  {
    calls: ['statmount', 'listmount'],
    tests: /^shapes-stacking\.test\.ts .*that propagation put beneath another/,
    why: 'Which of two mounts is the older is told by ids that statmount alone has.',
  },
];
