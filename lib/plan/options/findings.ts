/** What the stages of resolving find and hand on: requirements, assumptions and notes. */

import type { HostFacts, PathFact } from '../../model/facts.ts';
import { own } from '../../model/facts.ts';
import type { Requirement } from './requirements.ts';

export class Findings {
  readonly requirements: Requirement[] = [];
  readonly #assumed = new Set<string>();

  require(requirement: Requirement): void {
    this.requirements.push(requirement);
  }

  /** Says, once, what is taken for granted because no fact tells. */
  assume(what: string): void {
    this.#assumed.add(what);
  }

  get assumed(): readonly string[] {
    return [...this.#assumed];
  }
}

/** What the facts say of a path of a host source. */
export function hostPathFact(facts: HostFacts, source: string, path: string): PathFact {
  const fact = own(facts.sources, source);
  if (!fact) return 'unknown';
  return path === '/' ? fact.kind : (own(fact.paths, path.slice(1)) ?? 'unknown');
}
