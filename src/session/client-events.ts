// The events that a client registered for, and the ones that it gets: a change of the schema that it may see, and the
// shutdown of its gate. None of them names a node.
import { seesKeyspace } from '../policy/decide.ts';
import {
  encodeSchemaChangeEvent,
  encodeStatusChangeEvent,
  type EventType,
  type SchemaChange,
} from '../protocol/messages/event.ts';
import type { SessionFacts } from './session-facts.ts';

/** What events depend on. */
type EventSession = Pick<SessionFacts, 'advertised' | 'authority' | 'siblings' | 'version'>;

export class ClientEvents {
  readonly #session: EventSession;
  readonly #events = new Set<EventType>();

  constructor(session: EventSession) {
    this.#session = session;
  }

  register(events: readonly EventType[]): void {
    for (const event of events) this.#events.add(event);
  }

  /** The event of a change of the schema; null where the client did not ask for it, or may not see the keyspace. */
  schemaChanged(change: SchemaChange): Buffer | null {
    if (!this.#events.has('SCHEMA_CHANGE')) return null;
    const authority = this.#session.authority();
    if (typeof authority === 'string' || !seesKeyspace(authority, change.keyspace)) return null;
    return encodeSchemaChangeEvent(this.#session.version, change);
  }

  /** The event that this gate shuts down, so that its driver uses the siblings; null where it knows of none. */
  gateGoesDown(): Buffer | null {
    const { version, advertised } = this.#session;
    if (!this.#events.has('STATUS_CHANGE') || this.#session.siblings().length === 0) return null;
    const { address, port } = advertised;
    return encodeStatusChangeEvent(version, { change: 'DOWN', address, port });
  }
}
