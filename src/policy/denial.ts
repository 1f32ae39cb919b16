// What the policy answers where it does not permit a statement.
import type { DenialReason } from '../refusals.ts';

export interface Denial {
  /** The stable code for records and metrics. */
  readonly reason: DenialReason;
  /** For the user: the role, what is missing, what to do. */
  readonly message: string;
  /** Needs that no grant covers, as `MODIFY ON TABLE ks.t`. */
  readonly missing: readonly string[];
}
