// Sets the keyspace of a connection by a USE of the gate's own.
import { quoteIfNeeded } from '../cql/quote.ts';
import { errorSays } from '../protocol/error-codes.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import { Consistency } from '../protocol/consistency.ts';
import type { Frame } from '../protocol/frame.ts';
import { encodeQuery } from '../protocol/messages/query.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Connection } from './connection.ts';
import { UpstreamFault } from './faults.ts';
import { refusalOf } from './own-query.ts';

/** Of a connection that `canSwitch`. Rejects with the node's own refusal. */
export async function useKeyspace(
  connection: Pick<Connection, 'keyspaceState' | 'request' | 'version'>,
  keyspace: string,
): Promise<void> {
  const { keyspaceState, version } = connection;
  keyspaceState.switchTo(keyspace);
  const query = `USE ${quoteIfNeeded(keyspace)}`;
  let response: Frame;
  try {
    response = await connection.request(
      Opcode.QUERY,
      encodeQuery({ query, consistency: Consistency.ONE, version }),
      UPSTREAM.useTimeoutMs,
      true,
    );
  } catch (error) {
    keyspaceState.useUnanswered();
    throw error;
  }
  keyspaceState.useAnswered(response);
  const refusal = refusalOf(response);
  if (refusal !== null) {
    const isBusy = errorSays(refusal.code, 'nodeBusy');
    throw new UpstreamFault(isBusy ? 'busy' : 'keyspace', refusal.message);
  }
  // It was confirmed, or that threw; this says nothing of the keyspace.
  if (keyspaceState.current !== keyspace) {
    throw new UpstreamFault('unreachable', 'the connection ended right after a USE');
  }
}
