import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  CancelledError,
  captureTree,
  MountError,
  parseMountinfo,
  planRestore,
  restoreTree,
  restoreTreeSync,
  UndoError,
} from '../../lib/index.ts';
import { ProgramBuilder } from '../../lib/program/builder.ts';
import { compileRestore } from '../../lib/program/compile.ts';
import type { CompiledProgram } from '../../lib/program/compiled.ts';
import * as sys from '../../lib/sys.ts';
import { inspectHostHolding } from '../../lib/system/inspect/inspect.ts';
import { type Execution, executeSync } from '../../lib/system/restore/execute.ts';
import { execute } from '../support/async-run.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

const SMALL = parseMountinfo(`20 1 0:20 / / rw,relatime - tmpfs t rw
21 20 0:21 / /a ro,nosuid,relatime shared:1 - tmpfs u rw,size=4k
22 21 0:22 / /a/b rw,relatime shared:2 - tmpfs v rw
`);

/** So many mounts side by side that a run takes a while. */
const WIDE = parseMountinfo(
  ['20 1 0:20 / / rw,relatime - tmpfs t rw']
    .concat(
      Array.from({ length: 3000 }, (_, i) => `${i + 21} 20 0:${i + 21} / /d${i} rw,relatime - tmpfs t rw`),
    )
    .join('\n'),
);

describe.skipIf(!isRoot)('running programs, as root', () => {
  expectNoLeakedFds();
  let table: string;
  beforeEach(() => {
    table = readFileSync('/proc/self/mountinfo', 'utf8');
  });
  afterEach(() => {
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(table);
  });

  /** A plan of {@link SMALL} with another program. */
  function withProgram<T>(write: (builder: ProgramBuilder) => void, run: (execution: Execution) => T): T {
    const { facts, held } = inspectHostHolding(SMALL, {});
    using _held = held;
    const plan = planRestore(SMALL, {}, facts);
    const builder = new ProgramBuilder();
    write(builder);
    const place = plan.steps.findIndex((step) => step.kind === 'place' && step.mount === 21);
    const program: CompiledProgram = {
      bytes: builder.bytes({ count: 2, imports: 0, exports: 0 }),
      imports: [],
      exports: [],
      stepOfOp: new Int32Array(8).fill(place),
      slotNames: ['context', 'mount'],
    };
    return run({ plan, program, held, place: { kind: 'thread' } });
  }

  const thrown = (f: () => unknown): unknown => {
    try {
      f();
    } catch (error) {
      return error;
    }
    throw new Error('nothing was thrown');
  };

  test('a failed call is an error that names mount, step, call and what the kernel said', () => {
    const error = thrown(() =>
      withProgram((builder) => {
        builder.op('fsopen', { s1: 'tmpfs', n: 1, out: 0 });
        builder.op('fsconfig', { a: 0, n: 1, s1: 'size', s2: 'much' });
      }, executeSync),
    ) as MountError;
    expect(error).toBeInstanceOf(MountError);
    expect(error).toMatchObject({ code: 'EINVAL', syscall: 'fsconfig', mount: 21, path: '/a' });
    expect(error.call).toMatch(/^fsconfig\(0<context>, FSCONFIG_SET_STRING, "size", "much", 0\)$/);
    expect(error.message).toContain('mount 21 (tmpfs) at /a: ');
    expect(error.kernelLog.length).toBeGreaterThan(0);
    expect(error.message).toContain(`\n  kernel: ${error.kernelLog[0]}`);
  });

  test('what could not be taken back is listed', () => {
    const error = thrown(() =>
      withProgram((builder) => {
        builder.op('unshare', { f1: 0 });
        builder.op('umount2', { s1: '/no-such-place' });
        builder.undo(0, 'unlinkat', { s1: '/no-such-file' });
      }, executeSync),
    );
    expect(error).toBeInstanceOf(UndoError);
    expect(error).toMatchObject({
      cause: { code: 'ENOENT', syscall: 'umount2' },
      left: [expect.stringMatching(/^unlinkat\(.*"\/no-such-file".* = ENOENT$/)],
    });
  });

  test('a program that the interpreter refuses is a defect', () => {
    const execution = (run: (execution: Execution) => unknown) =>
      withProgram((b) => b.op('close', { a: 7 }), run);
    expect(thrown(() => execution(executeSync))).toMatchObject({ code: 'ERR_MOUNTYARD_PROGRAM' });
  });

  test('an aborted signal stops it before it starts, and half way', async () => {
    const reason = new Error('enough');
    await expect(restoreTree(SMALL, { signal: AbortSignal.abort(reason) })).rejects.toMatchObject({
      code: 'ERR_MOUNTYARD_CANCELLED',
      reason,
    });

    const { facts, held } = inspectHostHolding(WIDE, {});
    using _held = held;
    const plan = planRestore(WIDE, {}, facts);
    const execution: Execution = { plan, program: compileRestore(plan), held, place: { kind: 'thread' } };
    const controller = new AbortController();
    const running = execute(execution, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 2);
    await expect(running).rejects.toBeInstanceOf(CancelledError);
  });

  test.each([
    ['signal', { signal: {} as AbortSignal }],
    ['onProgress', { onProgress: 'x' as unknown as () => void }],
  ])('%s of another kind is refused before anything runs', async (name, options) => {
    await expect(restoreTree(SMALL, options)).rejects.toMatchObject({
      code: 'ERR_MOUNTYARD_USAGE',
      message: expect.stringMatching(`^${name}: it is no `),
    });
  });

  test('progress ends at the whole', async () => {
    const seen: { done: number; total: number }[] = [];
    using restored = await restoreTree(SMALL, { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ done: restored.report.calls, total: restored.report.calls });
  });

  test('a restored tree is read back, the same, and gone when it is released', () => {
    using restored = restoreTreeSync(SMALL);
    expect(restored.differences).toEqual([]);
    expect(restored.tree.mounts.map((mount) => [mount.mountPoint, mount.kind])).toEqual([
      ['/', 'directory'],
      ['/a', 'directory'],
      ['/a/b', 'directory'],
    ]);
    expect(restored.report).toMatchObject({ verified: true, mounts: 3, hostEffects: [] });
    expect(restored.namespace?.capture().size).toBe(3);
  });

  test('attached at a directory, and released again with what is mounted over its root', () => {
    const at = mkdtempSync(join(tmpdir(), 'mountyard-at-'));
    const covered = parseMountinfo(`20 1 0:20 / / rw,relatime - tmpfs below rw
21 20 0:21 / / rw,relatime - tmpfs above rw
22 21 0:22 / /x rw,relatime - tmpfs x rw
`);
    for (const tree of [SMALL, covered]) {
      const restored = restoreTreeSync(tree, { into: { at } });
      expect(restored.differences).toEqual([]);
      expect(restored.namespace).toBeUndefined();
      expect(captureTree().mounts.filter((mount) => mount.mountPoint.startsWith(at))).toHaveLength(3);
      restored.release();
      restored.release();
      expect(captureTree().at(at)).toBeUndefined();
    }
    rmSync(at, { recursive: true });
  });

  test('in a new user namespace it is the same, and can be captured from outside', async () => {
    using restored = await restoreTree(SMALL, { userNamespace: 'self' });
    expect(restored.differences).toEqual([]);
    expect(restored.namespace?.capture().size).toBe(3);
  });

  test('a slave of a host mount follows it', () => {
    using scratch = new ScratchMount();
    const source = scratch.tmpfs('host');
    sys.makeShared(source);
    const slave = parseMountinfo(`20 1 0:20 / / rw,relatime - tmpfs t rw
21 20 0:21 / /in rw,relatime master:7 - tmpfs host rw
`);
    using restored = restoreTreeSync(slave, { slaves: { '/in': source } });
    expect(restored.differences).toEqual([]);
    mkdirSync(join(source, 'later'));
    sys.mount('later', join(source, 'later'), { type: 'tmpfs' });
    expect(restored.namespace?.capture().at('/in/later')?.source).toBe('later');
  });
});
