import { CAPABILITY_NAMES, type Capabilities, type HostFacts } from '../model/facts.ts';

/** A host of which nothing is known: all that a tree needs of it is assumed, but what the caller has to say is not. */
export const UNKNOWN_HOST: HostFacts = {
  format: 'mountyard-host-facts',
  version: 1,
  capabilities: {
    kernel: 'unknown',
    calls: Object.fromEntries(CAPABILITY_NAMES.map((name) => [name, true])) as Capabilities['calls'],
    privileges: { uid: 0, mount: true, mknod: true, inUserNamespace: false, userNamespace: true },
    engines: { detached: true, yard: true, classic: 'not known' },
  },
  sources: {},
  filesystems: {},
};
