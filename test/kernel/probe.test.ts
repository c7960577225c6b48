import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { expect, test } from 'vitest';
import { probe } from '../../lib/index.ts';
import { CAPABILITY_NAMES } from '../../lib/model/facts.ts';
import { openFds } from '../support/open-fds.ts';
import { isMachineRoot, isRoot } from '../support/privilege.ts';

test('every call is named, and tried in a way that changes and leaves nothing', () => {
  const [fds, table] = [openFds(), readFileSync('/proc/self/mountinfo', 'utf8')];
  const { calls, kernel, engines } = probe();
  expect(Object.keys(calls).sort()).toEqual([...CAPABILITY_NAMES].sort());
  for (const answer of Object.values(calls))
    expect(answer === true || /^E[A-Z0-9]+$/.test(answer)).toBe(true);
  expect(kernel).toBe(release());
  expect(engines.classic).toMatch(/only the detached engine and the yard engine/);
  expect(openFds()).toEqual(fds);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(table);
});

test.skipIf(!isRoot)('root of the machine has all privileges, where it is that', () => {
  const { privileges } = probe();
  const whole = /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
  expect(privileges).toMatchObject({ uid: 0, mount: true, inUserNamespace: !whole, mknod: whole });
});

/** As tests that run as root have no other user, the answers of one come from a process of its own. */
const PRINT = `
  const { sys } = require('node-gyp-build')(process.argv[1]);
  const empty = new Uint8Array(0);
  process.stdout.write(JSON.stringify([sys.openTree(-100, empty, 1), sys.moveMount(-100, empty, -100, empty, 0), sys.fsopen(Buffer.from('tmpfs'), 1)]));
`;

test.skipIf(!isMachineRoot)(
  'what the trials go by: without privilege the kernel says EPERM before it looks at a path',
  () => {
    const answers = execFileSync(process.execPath, ['-e', PRINT, process.cwd()], { uid: 65534, gid: 65534 });
    expect(JSON.parse(answers.toString())).toEqual([-1, -1, -1]);
  },
);
