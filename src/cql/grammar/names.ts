// Names and calls as a text writes them, before they are resolved.

/** A name as written: with its keyspace, or without. */
export interface Name {
  readonly keyspace: string | null;
  readonly name: string;
}

/** A call as written, with its number of arguments. */
export interface Call extends Name {
  readonly arity: number;
}

export function isCall(
  call: Call | null,
  keyspace: string | null,
  name: string,
  arity: number,
): boolean {
  return call?.name === name && call.keyspace === keyspace && call.arity === arity;
}
