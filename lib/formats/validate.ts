import type { z } from 'zod';
import { ParseError } from '../errors.ts';

/**
 * What the schema makes of a value, or why it refuses it.
 * @throws {ParseError} where so much is wrong that the list of it is too long for a call.
 */
export function validate<S extends z.ZodType>(
  schema: S,
  value: unknown,
  what: string,
): z.ZodSafeParseResult<z.infer<S>> {
  try {
    return schema.safeParse(value, { reportInput: true });
  } catch (error) {
    // Zod hands its findings on as arguments, of which there can be some hundred thousand at most.
    if (error instanceof RangeError) throw new ParseError(`${what} is wrong in more places than can be told`);
    throw error;
  }
}
