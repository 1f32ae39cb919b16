// Where a decision hangs on what is in the schema, that is read anew before: when the request comes, and again when it
// is its turn to change it, for what was absent may have been made meanwhile. From then on nobody else changes the
// keyspace through a gate.
import { hangsOnSchema } from '../policy/decide.ts';
import type { Authority } from '../policy/policy.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import { answer, GO_ON, wait, type Later, type Outcome } from './outcome.ts';
import { replyToFault } from './replies.ts';

export interface SchemaServices {
  readonly cluster: { readonly control: Pick<Gate['cluster']['control'], 'refreshSchema'> };
}

/** null: the schema that is known will do. */
export function readSchemaFirst(
  exchange: Exchange,
  services: SchemaServices,
  authority: Authority,
): Outcome | null {
  const { request, attempt } = exchange;
  if (request.statement.family !== 'schema' || !hangsOnSchema(authority, request.statement)) {
    return null;
  }
  return attempt.prepare().isSchemaOld ? wait(readSchema(exchange, services)) : null;
}

async function readSchema(exchange: Exchange, { cluster }: SchemaServices): Promise<Later> {
  try {
    await cluster.control.refreshSchema();
  } catch (error) {
    const fault = error instanceof UpstreamFault ? error : new UpstreamFault('busy', String(error));
    return answer(replyToFault(exchange, fault), 'refused');
  }
  exchange.attempt.prepare().schemaIsRead();
  return GO_ON;
}
