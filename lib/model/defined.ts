/** The fields of an object that may each be left out, and are never there without a value. */
export type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** A copy without the fields that have no value. */
export function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
