// How a request ended. Each final outcome says it, and end-request.ts makes the record, the span and the count of it.
import type { Denial } from '../policy/denial.ts';
import type { Frame } from '../protocol/frame.ts';
import type { SchemaChange } from '../protocol/messages/event.ts';
import type { Agreement } from '../upstream/schema-agreement.ts';

/** A node made a change of the schema. */
export interface SchemaChanged {
  readonly type: 'schema changed';
  readonly response: Frame;
  readonly change: SchemaChange;
  readonly agreement: Agreement;
}

/** The policy, or what it demands, refused the request. */
export interface Denied {
  readonly type: 'denied';
  readonly denial: Denial;
}

export type Ending =
  /** A node answered with this: rows, an error, anything. */
  | Frame
  | SchemaChanged
  | Denied
  /** The gate itself answered, after a node was asked. */
  | 'answered'
  /** It was sent, and no answer came in time. */
  | 'timeout'
  /** It was sent, and what came of it is not known. */
  | 'unknown'
  /** It was permitted, and was never sent for want of a connection, of its turn or of its record. */
  | 'unsent'
  /** The gate answered it without asking a node. Unless it was let through before, nothing is counted or recorded. */
  | 'refused';
