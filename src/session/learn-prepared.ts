// What the gate learns from the answer to a PREPARE: the id that nodes gave a text, in the keyspace it was prepared in.
import { createHash } from 'node:crypto';
import { preparedIn } from '../cql/connection-state.ts';
import type { Frame } from '../protocol/frame.ts';
import { decodePrepared } from '../protocol/messages/result.ts';
import type { Connection } from '../upstream/connection.ts';
import type { Exchange } from './exchange.ts';
import type { Gate } from './gate.ts';
import { answer, type Outcome } from './outcome.ts';
import { replies } from './replies.ts';

export interface LearningServices extends Pick<Gate, 'log' | 'metrics'> {
  readonly cluster: { readonly prepared: Pick<Gate['cluster']['prepared'], 'learn'> };
}

/** null: the client gets the answer. */
export function learnPrepared(
  exchange: Exchange,
  { cluster, metrics, log }: LearningServices,
  response: Frame,
  connection: Connection,
): Outcome | null {
  const { session, request, to } = exchange;
  const { statement, text, namedKeyspace } = request;
  const keyspace = preparedIn(statement, connection.keyspace, namedKeyspace);
  const prepared = decodePrepared(response, session.version);
  if (keyspace !== null && statement.usesKeyspace && isOfText(prepared.id, text ?? '')) {
    return answer(replies.invalid(to, SHARED_ID), response);
  }
  const source = { text: text ?? '', keyspace, statement };
  if (cluster.prepared.learn(prepared, session.version, source, session)) return null;
  metrics.counter('prepared_conflicts_total').value++;
  const id = prepared.id.toString('hex');
  log.error(
    { session: session.id, prepared_id: id, node: connection.node },
    'a node gave the id of one prepared statement to another; both were dropped',
  );
  return null;
}

/**
 * A hash of the text alone. So nodes make ids while one of the cluster is older than 4.0.2 or has not told its
 * version: the same text in another keyspace gets the same, and whoever prepares last says what it means.
 */
function isOfText(id: Buffer, text: string): boolean {
  return createHash('md5').update(text).digest().equals(id);
}

const SHARED_ID =
  'the node would give this statement the same id in every keyspace, as it does while a node of the cluster is older than 4.0.2 or has not told its version; write each table with its keyspace';
