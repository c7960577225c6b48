import { describe, expect, test } from 'vitest';
import { LXC, mountyard, SMALL, scratchFile } from './mountyard.ts';

const REHEARSAL = ['--stand-in', 'all', '--ignore-host-propagation'];
const small = scratchFile('small.mountinfo', SMALL);

describe('plan', () => {
  test('numbers its steps and says what is not as captured', () => {
    const { status, out, err } = mountyard(['plan', LXC, ...REHEARSAL]);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/^Nothing outside the tree changes\.\n\n\d+ steps for 21 mounts\n +1 {2}make /);
    expect(out).toMatch(/\n\nNot as captured\n {2}- stand-in for #44 \/ \(ext4\): /);
  });

  test('lists the calls that a restore makes', () => {
    const { status, out } = mountyard(['plan', small, '--format', 'listing']);
    expect(status).toBe(0);
    expect(out).toMatch(/fsopen\("tmpfs"/);
    expect(out).toMatch(/move_mount\(/);
  });

  test('prints JSON for machines', () => {
    const plan = JSON.parse(mountyard(['plan', small, '--format', 'json']).out);
    expect(plan).toMatchObject({ target: { mounts: [{ id: 1 }, { id: 2 }] }, hostEffects: [] });
  });

  test('says what --at changes on the host', () => {
    const { out } = mountyard(['plan', small, '--at', '/mnt', '--make-destination-private']);
    expect(out).toMatch(/^Changes on the host\n[\s\S]*attach \/mnt/);
  });

  test('plans for another host from its facts, and finds the same', () => {
    const facts = mountyard(['plan', LXC, ...REHEARSAL, '--format', 'facts']);
    expect(facts.status).toBe(0);
    const here = mountyard(['plan', LXC, ...REHEARSAL]);
    expect(mountyard(['plan', LXC, ...REHEARSAL, '--host', '-'], facts.out)).toEqual(here);
  });

  test.each([
    ['text', 'no facts', /^mountyard: the host facts are no JSON: /],
    [
      'other JSON',
      '{"format":"mountyard-host-facts","version":2}',
      /^mountyard: these are no host facts: at /,
    ],
  ])('refuses facts that are %s', (_, input, message) => {
    const { status, err } = mountyard(['plan', LXC, '--host', '-'], input);
    expect(err).toMatch(message);
    expect(status).toBe(2);
  });

  test('--auto proposes options from this host and still refuses', () => {
    const { status, out, err } = mountyard(['plan', '-', '--auto'], mountyard(['show', '--json']).out);
    expect(status).toBe(3);
    expect(out).toMatch(/^--(?:root|external|slave) \S+.* {2}# /);
    expect(err).toMatch(/^mountyard: \d+ requirements? not met\n/);
  });
});
