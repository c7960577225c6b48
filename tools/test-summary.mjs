// Sums up vitest's JSON reports in one line, and fails where a test was skipped that does not say what it lacks.
import { readFileSync } from 'node:fs';

/** In CI a test may be skipped for want of files that are not in this repository, and its title names them. */
const MAY_LACK = [/\bother projects\b/];

const count = { passed: 0, failed: 0, skipped: 0 };
const silent = [];
for (const file of process.argv.slice(2)) {
  for (const { name, status, message, assertionResults } of JSON.parse(readFileSync(file, 'utf8'))
    .testResults) {
    if (status === 'failed' && assertionResults.length === 0) {
      count.failed += 1;
      process.stderr.write(`failed to load: ${name}: ${message}\n`);
    }
    for (const test of assertionResults) {
      if (test.status === 'passed' || test.status === 'failed') count[test.status] += 1;
      else {
        count.skipped += 1;
        if (!MAY_LACK.some((reason) => reason.test(test.fullName))) silent.push(`${name}: ${test.fullName}`);
      }
    }
  }
}
if (silent.length > 0)
  process.stderr.write(`skipped without a reason that CI accepts:\n  ${silent.join('\n  ')}\n`);
process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
process.exitCode = count.failed > 0 || silent.length > 0 || count.passed === 0 ? 1 : 0;
