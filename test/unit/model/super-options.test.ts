import { expect, test } from 'vitest';
import { comparableSuperOptions, superOptionWords } from '../../../lib/model/super-options.ts';

test('words are split at commas, values at the first equals sign', () => {
  expect(superOptionWords('rw,size=64k,name=a=b,x=')).toEqual([
    { key: 'rw' },
    { key: 'size', value: '64k' },
    { key: 'name', value: 'a=b' },
    { key: 'x', value: '' },
  ]);
  expect(superOptionWords('')).toEqual([]);
});

test('a comma inside double quotes does not split, and the quotes are not part of the value', () => {
  expect(superOptionWords('rw,context="system_u:object_r:container_file_t:s0:c1,c2",size=64k')).toEqual([
    { key: 'rw' },
    { key: 'context', value: 'system_u:object_r:container_file_t:s0:c1,c2' },
    { key: 'size', value: '64k' },
  ]);
});

test('a quote that is never closed, or inside a value, is a character like any other', () => {
  expect(superOptionWords('lowerdir+=/m-quo"te,a="b,c')).toEqual([
    { key: 'lowerdir+', value: '/m-quo"te' },
    { key: 'a', value: '"b' },
    { key: 'c' },
  ]);
});

test("octal is decoded after splitting, once, and a filesystem's own escapes are left", () => {
  expect(
    superOptionWords('upperdir=/a\\054b\\040c,lowerdir=/x\\134:y,w=\\134040,v=\\303\\274,u=\\377'),
  ).toEqual([
    { key: 'upperdir', value: '/a,b c' },
    { key: 'lowerdir', value: '/x\\:y' },
    { key: 'w', value: '\\040' },
    { key: 'v', value: 'ü' },
    { key: 'u', value: '\udcff' },
  ]);
});

test('what is no octal escape of a byte is kept', () => {
  expect(superOptionWords('path=C:\\Program Files\\Docker,a=\\777,b=\\888,c=\\04,d=\\000,e=\\')).toEqual([
    { key: 'path', value: 'C:\\Program Files\\Docker' },
    { key: 'a', value: '\\777' },
    { key: 'b', value: '\\888' },
    { key: 'c', value: '\\04' },
    { key: 'd', value: '\\000' },
    { key: 'e', value: '\\' },
  ]);
});

test('options are compared sorted, without what the kernel prints unasked', () => {
  expect(comparableSuperOptions('tmpfs', 'rw,seclabel,size=4k,mode=755,inode64')).toEqual([
    'mode=755',
    'rw',
    'size=4k',
  ]);
});

test('old spellings equal new ones', () => {
  expect(comparableSuperOptions('proc', 'rw,hidepid=2')).toEqual(['hidepid=invisible', 'rw']);
  expect(comparableSuperOptions('proc', 'rw,hidepid=invisible')).toEqual(['hidepid=invisible', 'rw']);
  expect(comparableSuperOptions('devpts', 'rw,mode=0620,ptmxmode=000')).toEqual([
    'mode=620',
    'ptmxmode=0',
    'rw',
  ]);
  expect(comparableSuperOptions('tmpfs', 'hidepid=2')).toEqual(['hidepid=2']);
});

test("the order of an overlay's layers counts", () => {
  expect(comparableSuperOptions('overlay', 'rw,lowerdir+=/b,lowerdir+=/a')).toEqual([
    'lowerdir+=/b',
    'lowerdir+=/a',
    'rw',
  ]);
});
