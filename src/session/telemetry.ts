// What the data path tells of a request while it goes by, where somebody wants to know: implemented
// by src/telemetry, null in the gate where no OpenTelemetry exporter is configured.
import type { ClientRecord } from '../audit/record.ts';
import type { Authority } from '../policy/policy.ts';
import type { Denial } from '../policy/denial.ts';
import type { LoginRefusal, TextRefusal } from '../refusals.ts';
import type { Exchange } from './exchange.ts';
import type { Ending } from './recording.ts';
import type { Session } from './session.ts';
import type { TraceContext } from './trace-context.ts';

/** The span of a request: its ids go into records, the rest is the implementation's. */
export interface RequestSpan {
  readonly traceId: string;
  readonly spanId: string;
}

export interface Telemetry {
  /** A request was permitted; called once, before anything of it leaves. */
  permitted(exchange: Exchange): RequestSpan;
  denied(exchange: Exchange, denial: Denial): RequestSpan;
  /** A text that nothing could be decided on. */
  refused(session: Session, caller: TraceContext | null, rule: TextRefusal): void;
  /** The one end of a request that was permitted; `refused` where the gate itself had to. */
  ended(exchange: Exchange, ending: Ending | 'refused'): void;
  loggedIn(session: Session, authority: Authority): void;
  loginFailed(sessionId: string, client: ClientRecord, reason: LoginRefusal): void;
}
