import { rmdirSync } from 'node:fs';
import { describe, test } from 'vitest';
import * as sys from '../../lib/sys.ts';
import { BOTH_ENGINES, directory, joinGroup, LiveNamespace, numbers, restoreSame } from '../support/live.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';

describe.skipIf(!isMachineRoot).each(BOTH_ENGINES)(
  'random live trees, captured and restored, are the same: %s',
  (engine) => {
    expectNoLeakedFds();

    test.each(numbers(60))('seed %i', async (seed) => {
      using live = new LiveNamespace(() => makeAtRandom(randomFrom(seed)));
      using _restored = await restoreSame(live.capture(), engine, { fresh: 'all' });
    });
  },
);

/** Whole numbers below `limit`, the same ones for the same seed (mulberry32). */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed * 0x9e3779b9 + 1;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** Mounts, binds, moves, changes and removes; what the kernel refuses is left out. */
function makeAtRandom(random: (limit: number) => number): void {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const places = ['/a', '/b', '/c', '/a/x', '/a/y', '/b/x', '/b/x/z', '/c/x', '/c/x/y'];
  const make = () => {
    for (const place of places) attempt(() => directory(place));
  };
  const actions: (() => void)[] = [
    () => sys.mount(pick(['one', 'two']), pick(places), { type: 'tmpfs', options: pick(['', 'size=64k']) }),
    () => sys.bind(pick(places), pick(places)),
    () => sys.bind(pick(places), pick(places), { recursive: true }),
    () => sys.makeShared(pick(places)),
    () => sys.makeShared(pick(places), { recursive: true }),
    () => sys.makeSlave(pick(places)),
    () => sys.makePrivate(pick(places)),
    () => sys.makeUnbindable(pick(places)),
    () => sys.remount(pick(places), pick([['RDONLY'], ['NOSUID', 'NOATIME'], ['NODEV', 'RELATIME'], []])),
    () => sys.move(pick(places), pick(places)),
    () => sys.umount(pick(places), ['DETACH']),
    () => joinGroup(pick(places), pick(places)),
    () => rmdirSync(pick(places)),
    () => {
      using clone = sys.openTree(pick(places), ['CLONE']);
      sys.moveMount(clone, pick(places), ['BENEATH']);
    },
  ];
  make();
  for (let i = 0; i < 60; i += 1) {
    attempt(pick(actions));
    make();
  }
}

function attempt(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}
