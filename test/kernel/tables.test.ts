import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MalformedTreeError } from '../../lib/errors.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import { renderDifferences } from '../../lib/render/differences.ts';
import { restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { completeTables } from '../support/tables.ts';

const tables = completeTables();

describe('every complete table comes back with stand-ins, private of the host', () => {
  test.each(tables.present)('$name', ({ path }) => {
    const tree = parseMountinfo(readFileSync(path));
    try {
      using restored = restoreTreeSync(tree, { standIn: 'all', ignoreHostPropagation: true });
      for (const { mount, because } of restored.report.standIns) {
        console.log(`${mount.mountPoint} (${mount.type}) stands in: ${because}`);
      }
      expect(renderDifferences(restored.differences)).toBe(renderDifferences([]));
      expect(restored.differences).toEqual([]);
      expect(restored.tree.size).toBe(restored.target.tree.size);
    } catch (error) {
      expectAllowedRefusal(error);
    }
  });

  test.runIf(tables.absent.length > 0)('tables of other projects', ({ skip }) => {
    skip(`${tables.absent.length} tables are not here: they belong to other projects and are not copied`);
  });
});

/** Idmapped mounts, which a text cannot describe, and tables that no namespace can hold. */
function expectAllowedRefusal(error: unknown): void {
  if (error instanceof UnmetRequirementsError) {
    expect(error.requirements.map((requirement) => requirement.kind)).toEqual(
      error.requirements.map(() => 'idmap'),
    );
    return;
  }
  expect(error, String(error)).toBeInstanceOf(MalformedTreeError);
  console.log(`malformed: ${String(error)}`);
}
