import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { addRestoreOptions, type RestoreValues, restoreOptionsOf } from '../../lib/cli/restore-options.ts';

function parsed(...argv: string[]): ReturnType<typeof restoreOptionsOf> {
  const command = addRestoreOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  command.parse(argv, { from: 'user' });
  return restoreOptionsOf(command.opts<RestoreValues>());
}

describe('restore options', () => {
  test('without any there is none', () => {
    expect(parsed()).toEqual({});
  });

  test('each becomes the option of the library', () => {
    expect(
      parsed(
        ...[
          '--root',
          '/r',
          '--external',
          '/a=/s',
          '--external',
          '#7=/t',
          '--slave',
          '/b',
          '--slave',
          '/c=/m',
        ],
        ...[
          '--share-sources',
          '--ignore-host-propagation',
          '--fresh',
          '/f',
          '--fresh',
          '#8',
          '--stand-in',
          'all',
        ],
        ...[
          '--skip',
          '/x',
          '--skip',
          '/y',
          '--recursive',
          '/e',
          '--make-mount-points',
          '--dev',
          '/dev',
          '--idmap',
          '/i=b:0:1:2',
        ],
        ...['--make-destination-private', '--engine', 'yard', '--userns'],
      ),
    ).toEqual({
      root: '/r',
      external: { '/a': '/s', '#7': '/t' },
      slaves: { '/b': true, '/c': '/m' },
      shareSources: true,
      ignoreHostPropagation: true,
      fresh: ['/f', '#8'],
      standIn: 'all',
      recursive: ['/e'],
      skip: ['/x', '/y'],
      makeMountPoints: true,
      dev: '/dev',
      idmap: {
        '/i': { uid: [{ inside: 0, outside: 1, length: 2 }], gid: [{ inside: 0, outside: 1, length: 2 }] },
      },
      makeDestinationPrivate: true,
      engine: 'yard',
      userNamespace: 'self',
    });
  });

  test('bytes and equals signs get through', () => {
    expect(parsed('--external', String.raw`/a\=\377=/s\040x=y`)).toEqual({
      external: { '/a=\udcff': '/s x=y' },
    });
  });

  test('maps of a user namespace are lines of its map files', () => {
    expect(parsed('--userns-map', 'u:0:1000:1,u:1:5000:10,g:0:100:1')).toEqual({
      userNamespace: { uidMap: ['0 1000 1', '1 5000 10'], gidMap: ['0 100 1'] },
    });
  });

  test.each([
    ['--external without =', ['--external', '/a'], /'--external <T=S>' argument '\/a' is invalid.*has no =/],
    ['an empty source', ['--external', '/a='], /the path is empty/],
    ['the same target twice', ['--slave', '/a', '--slave', '/a=/b'], /\/a was given before/],
    ['a target that is no mount', ['--skip', 'data'], /starts with \//],
    ['an unknown engine', ['--engine', 'quick'], /Allowed choices are detached, yard, classic/],
  ])('%s is refused', (_, argv, message) => {
    expect(() => parsed(...argv)).toThrow(message);
  });
});
