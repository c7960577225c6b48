import { describe, expect, test } from 'vitest';
import type { Mount } from '../../../lib/model/mount.ts';
import { proposeOptions } from '../../../lib/plan/options/propose.ts';
import { DISK, hostFacts } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';

const proposals = (wanted: Mount, ...hostMounts: Mount[]) =>
  proposeOptions(treeOf(mount(1, 0, '/'), wanted), {}, hostFacts({ hostMounts })).map(({ cli, because }) => [
    cli,
    because,
  ]);

describe('a proposal', () => {
  test('is the host mount of the same device and source', () => {
    const wanted = mount(2, 1, '/data', { device: '8:1', type: 'ext4', source: '/dev/sda1', root: '/srv/x' });
    expect(proposals(wanted, DISK)).toEqual([
      ['--external /data=/srv/x', 'mount 2 at /data: / is of the same device 8:1 and source'],
    ]);
  });

  test('is a host mount of the same disk under another number', () => {
    const wanted = mount(2, 1, '/data', { device: '8:9', type: 'ext4', source: '/dev/sda1' });
    expect(proposals(wanted, DISK)).toEqual([
      ['--external /data=/', 'mount 2 at /data: / has the same source /dev/sda1'],
    ]);
  });

  test('is the peer group of a master, by its number', () => {
    const wanted = mount(2, 1, '/a', { device: '8:1', propagation: { master: 1 } });
    const peer = mount(30, 20, '/p', { device: '8:1', propagation: { shared: 1 } });
    expect(proposals(wanted, DISK, peer)).toEqual([
      ['--slave /a=/p', 'mount 2 at /a: /p is in peer group 1'],
    ]);
  });

  test('is quoted for a shell', () => {
    const wanted = mount(2, 1, '/a', { device: '8:1', type: 'ext4', source: '/dev/sda1', root: "/it's" });
    expect(proposals(wanted, DISK)[0]?.[0]).toBe("--external '/a=/it'\\''s'");
  });

  test('is none where the host has nothing alike, shows less, or hides it', () => {
    const wanted = mount(2, 1, '/a', { device: '8:1', type: 'ext4', source: 'x', root: '/srv' });
    const alike = { device: '8:1', type: 'ext4', source: 'x' };
    expect(proposals(wanted, DISK)).toEqual([]);
    expect(proposals(wanted, DISK, mount(30, 20, '/n', { ...alike, root: '/srv/y' }))).toEqual([]);
    expect(proposals(wanted, DISK, mount(30, 20, '/n', alike), mount(31, 30, '/n'))).toEqual([]);
    expect(proposals(wanted, DISK, mount(30, 20, '/n', { ...alike, deleted: true }))).toEqual([]);
    expect(proposals(wanted)).toEqual([]);
  });
});
