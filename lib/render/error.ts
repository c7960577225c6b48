import { MalformedTreeError, MountError, MountyardError } from '../errors.ts';
import { UnmetRequirementsError } from '../plan/options/requirements.ts';
import { blockText, lineText } from './escape.ts';
import { NO_PAINT, type RenderOptions } from './paint.ts';
import { renderRequirements } from './requirements.ts';

/** An error for people, without a stack; `undefined` for what only a defect throws. */
export function renderError(error: unknown, options: RenderOptions = {}): string | undefined {
  const paint = options.paint ?? NO_PAINT;
  if (error instanceof UnmetRequirementsError) return renderRequirements(error.requirements, options);
  if (error instanceof MalformedTreeError) {
    const [only, ...more] = error.problems;
    if (only && more.length === 0) return `malformed tree: ${lineText(only.reason)}`;
    const reasons = error.problems.map(({ reason }) => `\n  ${paint.bad('-')} ${lineText(reason)}`);
    return `malformed tree, ${error.problems.length} problems:${reasons.join('')}`;
  }
  if (error instanceof MountError) {
    const [call, ...details] = blockText(error.message).split('\n');
    return [call, ...details.map((line) => paint.quiet(line))].join('\n');
  }
  if (error instanceof MountyardError) return blockText(error.message);
  return isSystemError(error) ? lineText(error.message) : undefined;
}

/** What Node throws when the system refuses a call: its message has errno name, meaning, call and path. */
function isSystemError(error: unknown): error is Error & { readonly code: string; readonly syscall: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}
