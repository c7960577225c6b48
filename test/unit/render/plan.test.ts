import { describe, expect, test } from 'vitest';
import { MountTree } from '../../../lib/model/tree.ts';
import type { PlanNotes, PlanView } from '../../../lib/plan/plan.ts';
import type { Step } from '../../../lib/plan/steps/steps.ts';
import { planToJson, renderPlan } from '../../../lib/render/plan.ts';
import { stepText } from '../../../lib/render/step.ts';
import { mount } from './mounts.ts';

const NO_NOTES: PlanNotes = {
  standIns: [],
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

const root = mount({ id: 1, parentId: 0, mountPoint: '/', type: 'ext4' });
const data = mount({ id: 2, parentId: 1, mountPoint: '/my data' });

const PLAN: PlanView = {
  engine: 'detached',
  target: {
    tree: new MountTree([root, data]),
    standIns: new Set([2]),
    looseSuperOptions: new Set(),
    looseSources: new Set([1]),
    hostMasters: new Map([[7, '/srv']]),
  },
  origins: [
    { kind: 'host', source: '/srv/root', of: 'path' },
    {
      kind: 'filesystem',
      type: 'tmpfs',
      source: 'none',
      parameters: [{ key: 'size', value: '4k' }, { key: 'noswap' }],
    },
  ],
  steps: [],
  hostEffects: [],
  notes: NO_NOTES,
  unmetToRun: [],
  imports: [],
};

function worded(step: Step): string {
  return stepText(step, PLAN);
}

describe('a step in words', () => {
  const reason = '';
  test.each<[string, Step]>([
    ['make tmpfs[1] size=4k,noswap', { reason, kind: 'make-filesystem', origin: 1 }],
    [
      'take host:/srv/root',
      { reason, kind: 'clone-source', origin: 0, source: '/srv/root', of: 'path', node: 'directory' },
    ],
    ['make file tmpfs[1]:/a', { reason, kind: 'make-node', origin: 1, path: '/a', node: 'file' }],
    [
      'make device 1:3 mode 666 tmpfs[1]:/null',
      { reason, kind: 'make-device', origin: 1, path: '/null', major: 1, minor: 3, permissions: 0o666 },
    ],
    [
      'make link tmpfs[1]:/fd → /proc/self/fd',
      { reason, kind: 'make-link', origin: 1, path: '/fd', target: '/proc/self/fd' },
    ],
    [
      'clone tmpfs[1]:/x as #2 /my\\040data, rdonly,nosuid,unbindable',
      {
        reason,
        kind: 'clone',
        mount: 2,
        origin: 1,
        path: '/x',
        take: false,
        attributes: 3,
        unbindable: true,
      },
    ],
    [
      'make directory host:/srv/root:/mnt for #2 /my\\040data',
      { reason, kind: 'make-mount-point', mount: 2, origin: 0, path: '/mnt', node: 'directory' },
    ],
    [
      'place #2 /my\\040data on #1 / at my\\040data',
      { reason, kind: 'place', mount: 2, parent: 1, path: 'my data', ownNodes: false },
    ],
    [
      'place #2 /my\\040data on #1 / onto its root',
      { reason, kind: 'place', mount: 2, parent: 1, path: '', ownNodes: true },
    ],
    ["share the host's mount of /srv", { reason, kind: 'share-source', source: '/srv', before: 'private' }],
    [
      "make group shared:3 from the host's mount of /srv, slave of the host, shared",
      {
        reason,
        kind: 'make-group',
        group: 'peers:3',
        from: { mountOf: '/srv', of: 'mount' },
        node: 'directory',
        followsHost: true,
        shared: true,
      },
    ],
    [
      'start shared:3 with #2 /my\\040data taking tmpfs[1], rdonly',
      {
        reason,
        kind: 'start-group',
        mount: 2,
        group: 'peers:3',
        from: { origin: 1, take: true },
        node: 'directory',
        shared: true,
        attributes: 1,
      },
    ],
    [
      'start shared:4 with #2 /my\\040data, slave of shared:3',
      {
        reason,
        kind: 'start-group',
        mount: 2,
        group: 'peers:4',
        node: 'directory',
        master: 'peers:3',
        shared: true,
        attributes: 0,
      },
    ],
    [
      'clone #2 /my\\040data from shared:3, nosuid',
      { reason, kind: 'clone-member', mount: 2, group: 'peers:3', attributes: 2 },
    ],
    [
      'make group master:3 from shared:3, slave of shared:3',
      {
        reason,
        kind: 'make-group',
        group: 'slaves:3',
        node: 'directory',
        master: 'peers:3',
        followsHost: false,
        shared: false,
      },
    ],
    [
      'make group master:4 from tmpfs[1], slave of shared:3',
      {
        reason,
        kind: 'make-group',
        group: 'slaves:4',
        from: { origin: 1 },
        node: 'directory',
        master: 'peers:3',
        followsHost: false,
        shared: false,
      },
    ],
    ['set group shared:3 on #2 /my\\040data', { reason, kind: 'set-group', mount: 2, group: 'peers:3' }],
    ['make #2 /my\\040data shared', { reason, kind: 'share', mount: 2, path: '' }],
    ['make a/b of #2 /my\\040data shared', { reason, kind: 'share', mount: 2, path: 'a/b' }],
    ['rename /a to /b in tmpfs[1]', { reason, kind: 'rename', origin: 1, from: '/a', to: '/b' }],
    ['link /a as /b in tmpfs[1]', { reason, kind: 'link', origin: 1, from: '/a', to: '/b' }],
    ['delete directory tmpfs[1]:/a', { reason, kind: 'delete', origin: 1, path: '/a', node: 'directory' }],
    ['make tmpfs[1] read-only', { reason, kind: 'superblock-read-only', origin: 1 }],
    [
      'make #1 / the root of a new namespace',
      { reason, kind: 'become-root', mount: 1, namespace: 0, standing: false },
    ],
    ['bind /x on itself and make it private', { reason, kind: 'make-destination-private', at: '/x' }],
    ['attach #1 / at /x', { reason, kind: 'attach', mount: 1, at: '/x' }],
  ])('%s', (words, step) => {
    expect(worded(step)).toBe(words);
  });
});

describe('renderPlan', () => {
  test('host effects come first, then numbered steps with their reasons, then what is not as captured', () => {
    const plan: PlanView = {
      ...PLAN,
      hostEffects: [{ kind: 'attach', path: '/x', description: 'the tree appears there', undone: true }],
      steps: [
        { kind: 'make-filesystem', origin: 1, reason: 'mount 2 needs it' },
        { kind: 'attach', mount: 1, at: '/x', reason: 'the tree is whole' },
      ],
      notes: {
        standIns: [{ mount: data, because: 'it was asked for' }],
        skipped: [mount({ id: 8, parentId: 1, mountPoint: '/gone' })],
        leftEmpty: [data],
        ignoredMasters: [{ mount: root, master: 7 }],
        droppedOptions: [{ mount: root, options: ['seclabel', 'inode64'] }],
        windowOptions: [{ mount: data, captured: 'rw,mode=700', inForce: 'rw' }],
        changedNodes: [],
        broughtAlong: [{ ...data, id: 9, mountPoint: '/data/below' }],
        keptNames: [{ mount: data, path: '/.a\n' }],
        assumed: ['/srv is a directory'],
      },
      unmetToRun: [{ kind: 'privilege', mounts: [], reason: 'this user may not mount', cures: [] }],
    };
    expect(renderPlan(plan)).toBe(
      [
        'Changes on the host',
        '  attach /x: the tree appears there (taken back when the restore fails)',
        '',
        '2 steps for 2 mounts',
        '  1  make tmpfs[1] size=4k,noswap  mount 2 needs it',
        '  2  attach #1 / at /x             the tree is whole',
        '',
        'Not as captured',
        '  - stand-in for #2 /my\\040data (tmpfs): it was asked for',
        '  - left out: #8 /gone (tmpfs)',
        '  - made anew and empty: #2 /my\\040data (tmpfs)',
        '  - brought along by a recursive bind: #9 /data/below (tmpfs)',
        '  - master:7 dropped: #1 / (ext4)',
        '  - printed by the kernel, not accepted by it: seclabel,inode64 of #1 / (ext4)',
        "  - options of the machine's own: #2 /my\\040data (tmpfs) was captured with rw,mode=700, in force is rw",
        '  - a second name is left: /.a\\012, of the deleted root of #2 /my\\040data (tmpfs)',
        '  - assumed: /srv is a directory',
        '',
        'Cannot be run here',
        '  - this user may not mount',
      ].join('\n'),
    );
  });

  test('says when nothing outside the tree changes', () => {
    expect(renderPlan(PLAN)).toBe('Nothing outside the tree changes.\n\n0 steps for 2 mounts');
  });
});

test('planToJson is plain data with everything in it', () => {
  const json = planToJson(PLAN);
  expect(JSON.parse(JSON.stringify(json))).toEqual(json);
  expect(json).toMatchObject({
    target: { standIns: [2], looseSources: [1], hostMasters: { 7: '/srv' }, mounts: [root, data] },
  });
  expect(Object.keys(json as object).sort()).toEqual(Object.keys(PLAN).sort());
});
