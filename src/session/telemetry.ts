// What the data path tells of a request while it goes by, where somebody wants to know: implemented
// by src/telemetry, null in the gate where no OpenTelemetry exporter is configured.
import type { ClientRecord } from '../audit/record.ts';
import type { Authority } from '../policy/policy.ts';
import type { Denial } from '../policy/denial.ts';
import type { LoginRefusal, TextRefusal } from '../refusals.ts';
import type { RequestSpan } from './attempt.ts';
import type { Denied, Ending } from './ending.ts';
import type { Exchange } from './exchange.ts';
import type { SessionFacts } from './session-facts.ts';
import type { TraceContext } from './trace-context.ts';

export interface Telemetry {
  /** A request was permitted; called once, before anything of it leaves. */
  permitted(exchange: Exchange): RequestSpan;
  /** The end of a request that was refused, whether it was permitted at first or not. */
  denied(exchange: Exchange, denial: Denial): RequestSpan;
  /** A text that nothing could be decided on. */
  refused(session: SessionFacts, caller: TraceContext | null, rule: TextRefusal): void;
  /** The end of a request that was permitted; called once. */
  ended(exchange: Exchange, ending: Exclude<Ending, Denied>): void;
  loggedIn(session: SessionFacts, authority: Authority): void;
  loginFailed(sessionId: string, client: ClientRecord, reason: LoginRefusal): void;
}
