import { expect, test } from 'vitest';
import {
  CancelledError,
  MalformedTreeError,
  MountError,
  ParseError,
  UndoError,
  UsageError,
} from '../../../lib/errors.ts';
import { CAPABILITY_NAMES, type Capabilities } from '../../../lib/model/facts.ts';
import { UnmetRequirementsError } from '../../../lib/plan/options/requirements.ts';
import { renderDifferences } from '../../../lib/render/differences.ts';
import { renderDoctor } from '../../../lib/render/doctor.ts';
import { renderError } from '../../../lib/render/error.ts';
import { renderProposals } from '../../../lib/render/proposals.ts';
import { renderReport } from '../../../lib/render/report.ts';
import { renderRequirements } from '../../../lib/render/requirements.ts';
import { mount } from './mounts.ts';

const data = mount({ id: 2, parentId: 1, mountPoint: '/data' });

test('differences say what was expected and what is there', () => {
  const text = renderDifferences([
    { kind: 'missing', mount: data, expected: 'tmpfs', actual: 'not there' },
    { kind: 'extra', mount: { ...data, id: 31, mountPoint: '/x\n' }, expected: 'not there', actual: 'proc' },
    { kind: 'peer-group', mount: data, expected: 'shared', actual: '' },
  ]);
  expect(text).toBe(
    [
      '-  /data   #2   missing       tmpfs',
      '+  /x\\012  #31  not expected  proc',
      '~  /data   #2   peer group    expected shared, is ""',
    ].join('\n'),
  );
  expect(renderDifferences([])).toBe('no differences');
});

const REQUIREMENTS = [
  {
    kind: 'external',
    mounts: [data],
    reason: 'mount 2 at /data is ext4',
    cures: [
      { option: 'external', cli: '--external /data=SOURCE', effect: 'a bind of SOURCE supplies it' },
      { option: 'skip', cli: '--skip /data', effect: 'left out' },
    ],
  },
  { kind: 'privilege', mounts: [], reason: 'this user may not mount', cures: [] },
  { kind: 'external', mounts: [data], reason: 'mount 3 is \u001b[31mred', cures: [] },
] as const;

test('requirements are grouped by kind, each with its reason and its cures', () => {
  expect(renderRequirements(REQUIREMENTS)).toBe(
    [
      '3 requirements not met',
      '',
      'Mounts that only this host can supply',
      '  - mount 2 at /data is ext4',
      '      --external /data=SOURCE  a bind of SOURCE supplies it',
      '      --skip /data  left out',
      '  - mount 3 is \\033[31mred',
      '',
      'Privileges',
      '  - this user may not mount',
    ].join('\n'),
  );
});

test('proposals can be pasted', () => {
  expect(
    renderProposals([{ cli: '--external /data=/srv/data', because: 'the same filesystem is there' }]),
  ).toBe('--external /data=/srv/data  # the same filesystem is there');
});

const ALL_CALLS = Object.fromEntries(CAPABILITY_NAMES.map((name) => [name, true])) as Capabilities['calls'];
const CAPABLE: Capabilities = {
  kernel: '6.18.5',
  calls: ALL_CALLS,
  privileges: { uid: 0, mount: true, mknod: true, inUserNamespace: false, userNamespace: true },
  engines: { detached: true, yard: true, classic: 'not built' },
};

test('doctor says what is there and which engine a restore takes', () => {
  const text = renderDoctor(CAPABLE);
  expect(text).toMatch(/^Linux 6\.18\.5, uid 0$/m);
  expect(text).toMatch(/^ {2}detached +yes +.*: what a restore will use$/m);
  expect(text).toMatch(/^ {2}classic +no +not built$/m);
  expect(text).toMatch(/^Trees can be restored here, with the detached engine\.$/m);
});

test('doctor says what an unprivileged user can do', () => {
  const privileges = {
    uid: 1000,
    mount: false,
    mknod: false,
    inUserNamespace: true,
    userNamespace: true,
  } as const;
  expect(renderDoctor({ ...CAPABLE, privileges })).toMatch(
    /uid 1000, in a user namespace\n[\s\S]*\(--userns\), with the detached/,
  );
  expect(renderDoctor({ ...CAPABLE, privileges: { ...privileges, userNamespace: 'EPERM' } })).toMatch(
    /may neither mount/,
  );
  expect(
    renderDoctor({ ...CAPABLE, engines: { detached: 'ENOSYS', yard: 'ENOSYS', classic: 'no' } }),
  ).toMatch(/no engine can run\.$/);
});

test('errors are worded without a stack, and only what a defect throws is not', () => {
  expect(renderError(new ParseError('the device is no number', 3, 7))).toBe(
    'line 3, column 7: the device is no number',
  );
  expect(renderError(new UsageError('no \u001bsuch mount'))).toBe('no \\033such mount');
  expect(renderError(new MalformedTreeError([{ reason: 'two roots\nhere' }]))).toBe(
    'malformed tree: two roots\\012here',
  );
  expect(renderError(new MalformedTreeError([{ reason: 'a' }, { reason: 'b' }]))).toBe(
    'malformed tree, 2 problems:\n  - a\n  - b',
  );
  expect(renderError(new UnmetRequirementsError([REQUIREMENTS[1]]))).toBe(
    renderRequirements([REQUIREMENTS[1]]),
  );
  expect(renderError(new CancelledError(new Error('SIGINT came')))).toBe(
    'cancelled; everything was taken back',
  );
  const failed = new MountError({
    code: 'EPERM',
    errno: 1,
    syscall: 'fsopen',
    call: 'fsopen("ext4")',
    hint: 'be root',
  });
  expect(renderError(failed)).toBe('fsopen("ext4") = EPERM\n  be root');
  expect(renderError(new UndoError(failed, ['/x']))).toMatch(/could not be taken back:\n {2}- \/x$/);
  expect(renderError(Object.assign(new Error('EACCES: open /x'), { code: 'EACCES', syscall: 'open' }))).toBe(
    'EACCES: open /x',
  );
  expect(renderError(new TypeError('x is not a function'))).toBeUndefined();
});

test('a report says how much was restored, whether it is the same, and what is not as captured', () => {
  const report = {
    verified: true,
    mounts: 21,
    calls: 187,
    hostEffects: [],
    leftBehind: [],
    timings: { inspect: 1.25, plan: 0, compile: 0, run: 10.5, readBack: 0, verify: 0 },
    standIns: [{ mount: data, because: 'ext4 cannot be made here' }],
    skipped: [],
    leftEmpty: [],
    ignoredMasters: [],
    droppedOptions: [],
    windowOptions: [],
    changedNodes: [],
    broughtAlong: [],
    keptNames: [],
    assumed: [],
  };
  expect(renderReport({ differences: [], report })).toBe(
    [
      'Restored 21 mounts with 187 calls in 11.8 ms',
      'Read back: the same tree.',
      '',
      'Not as captured',
      '  - stand-in for #2 /data (tmpfs): ext4 cannot be made here',
    ].join('\n'),
  );
  const differences = [{ kind: 'type', mount: data, expected: 'tmpfs', actual: 'ramfs' }] as const;
  expect(renderReport({ differences, report })).toMatch(
    /\nRead back: 1 difference\n~ {2}\/data {2}#2 {2}type/,
  );
  const effect = { kind: 'attach', path: '/x', description: 'the tree appears', undone: true } as const;
  const leftBehind = [{ pid: 7, command: 'sh\n', at: ['root', 'cwd'] as const }];
  expect(renderReport({ differences: [], report: { ...report, leftBehind } })).toContain(
    '\n\nLeft in the old tree\n  - process 7 (sh\\012), with its root and its working directory\n',
  );
  const unknown = { leftBehind: undefined, leftBehindUnknown: 'getdents64(5) = ENOMEM' };
  expect(renderReport({ differences: [], report: { ...report, ...unknown } })).toContain(
    '\n\nLeft in the old tree\n  - who is could not be told: getdents64(5) = ENOMEM\n',
  );
  expect(
    renderReport({ differences: [], report: { ...report, verified: false, hostEffects: [effect] } }),
  ).toMatch(
    /\nNot compared with what was asked for\.\n\nChanges on the host\n {2}attach \/x: the tree appears/,
  );
});
