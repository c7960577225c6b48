/**
 * Every error that mountyard throws on purpose. `code` is for programs to switch on, `message` for people: which
 * mount, what was tried, what was answered, what to do.
 */
export abstract class MountyardError extends Error {
  abstract readonly code: string;
  override get name(): string {
    return this.constructor.name;
  }
}

/** The input is not what its format allows: where, and why. */
export class ParseError extends MountyardError {
  readonly code = 'ERR_MOUNTYARD_PARSE';
  constructor(
    /** What is wrong, without the place. */
    readonly reason: string,
    /** 1-based line and byte column, where the format has lines. */
    readonly line?: number,
    readonly column?: number,
  ) {
    const place = line === undefined ? '' : `line ${line}${column === undefined ? '' : `, column ${column}`}: `;
    super(place + reason);
  }
}

/** A tree that no mount namespace can hold; `problems` has them all. */
export class MalformedTreeError extends MountyardError {
  readonly code = 'ERR_MOUNTYARD_MALFORMED_TREE';
  constructor(readonly problems: readonly { readonly reason: string }[]) {
    super(
      problems.length === 1
        ? (problems[0]?.reason ?? '')
        : `the tree has ${problems.length} problems:\n${problems.map((p) => `  - ${p.reason}`).join('\n')}`,
    );
  }
}

/** Options that contradict each other or name what is not there. */
export class UsageError extends MountyardError {
  readonly code = 'ERR_MOUNTYARD_USAGE';
}
