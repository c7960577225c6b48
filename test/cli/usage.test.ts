import { describe, expect, test } from 'vitest';
import { LXC, mountyard, SMALL, scratch, scratchFile } from './mountyard.ts';

const small = scratchFile('small.mountinfo', SMALL);

describe('bad usage exits with 2 and says why on standard error', () => {
  test.each<[string, string[], RegExp]>([
    ['no command', [], /Usage: mountyard/],
    ['an unknown command', ['mend'], /unknown command 'mend'/],
    ['an unknown option', ['show', '--loud'], /unknown option '--loud'/],
    ['no snapshot', ['restore'], /missing required argument 'SNAPSHOT'/],
    ['too many arguments', ['diff', 'a', 'b', 'c'], /too many arguments/],
    ['an escape sequence in an argument', ['\u001b[31mx'], /unknown command '\\033\[31mx'/],
    ['a snapshot that is not there', ['show', '/no/such/file'], /cannot read \/no\/such\/file: ENOENT/],
    ['a snapshot that is a directory', ['show', '/'], /cannot read \/: EISDIR/],
    ['a snapshot and a process', ['show', small, '--pid', '1'], /give one of them/],
    ['a process id that is none', ['show', '--pid', '0'], /positive whole number/],
    ['a process and a namespace', ['capture', '--pid', '1', '--ns', '/x'], /cannot be used with/],
    [
      'an unknown format',
      ['plan', small, '--format', 'svg'],
      /Allowed choices are text, listing, json, facts/,
    ],
    ['standard input twice', ['diff', '-', '-'], /not both/],
    ['--hold and --at', ['restore', small, '--hold', '--at', '/mnt'], /cannot be used with/],
    ['--hold with the snapshot on standard input', ['restore', '-', '--hold'], /has to be a file/],
    ['a target that the tree has not', ['plan', small, '--skip', '/nowhere'], /has no mount at \/nowhere/],
  ])('%s', (_, args, message) => {
    const { status, out, err } = mountyard(args);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/^ {4}at /m);
    expect({ status, out }).toEqual({ status: 2, out: '' });
  });
});

describe('with COMMAND bad usage exits with 125', () => {
  test.each<[string, string[], RegExp]>([
    ['no snapshot', ['restore', '--', 'true'], /missing required argument/],
    ['no command', ['restore', small, '--'], /no COMMAND/],
    ['--at', ['restore', small, '--at', '/mnt', '--', 'true'], /no namespace is made/],
    ['--hold', ['restore', small, '--hold', '--', 'true'], /leave --hold out/],
    ['--json', ['restore', small, '--json', '--', 'true'], /leave --json out/],
    ['a snapshot that is not there', ['restore', '/no/such/file', '--', 'true'], /ENOENT/],
  ])('%s', (_, args, message) => {
    const { status, out, err } = mountyard(args);
    expect(err).toMatch(message);
    expect({ status, out }).toEqual({ status: 125, out: '' });
  });
});

describe('malformed input exits with 2, with one message and no stack', () => {
  test.each<[string, string, RegExp]>([
    ['text that is no table', 'hello\n', /^mountyard: line 1, column \d+: .+\n$/],
    ['a hostile name', '1 0 0:1 / /\u001b[2J rw\n', /^mountyard: line 1, column \d+: [ -~]+\n$/],
    ['an empty file', '', /^mountyard: .+\n$/],
    ['broken JSON', '{"format":', /^mountyard: .*JSON.*\n$/],
    ['JSON of something else', '{"format":"x"}', /^mountyard: .*no mountyard snapshot.*\n$/],
    ['two roots', '1 1 0:1 / / rw - tmpfs a rw\n2 2 0:2 / / rw - tmpfs b rw\n', /^mountyard: malformed tree/],
  ])('%s', (_, input, message) => {
    const { status, out, err } = mountyard(['plan', '-'], input);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/^ {4}at /m);
    expect({ status, out }).toEqual({ status: 2, out: '' });
  });
});

test('help and version go to standard output and exit with 0', () => {
  expect(mountyard(['--version'])).toEqual({
    status: 0,
    out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    err: '',
  });
  const help = mountyard(['restore', '--help']);
  expect({ status: help.status, err: help.err }).toEqual({ status: 0, err: '' });
  for (const option of ['--root', '--external', '--slave', '--stand-in', '--userns', '--pin', '--hold']) {
    expect(help.out).toContain(option);
  }
});

test('an unwritable output file is a failed call, not a defect', () => {
  const { status, err } = mountyard(['capture', '--output', scratch('no/such/folder')]);
  expect(err).toMatch(/^mountyard: ENOENT.*\n$/);
  expect(status).toBe(4);
});

test('what the tree needs and this host lacks exits with 3, with every requirement', () => {
  const { status, out, err } = mountyard(['plan', LXC]);
  expect(err).toMatch(/^mountyard: \d+ requirements not met\n/);
  expect(err).toContain('--root DIR');
  expect(err).toContain('--ignore-host-propagation');
  expect({ status, out }).toEqual({ status: 3, out: '' });
});
