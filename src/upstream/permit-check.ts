// The last look at a permit, by the connection that is about to send what it permits. Whoever chose the connection is
// not believed: the permit must be of the connection's login, of this statement and of the policy in force, and the
// request must be carried out in the keyspace that it was decided in.
import type { Permit } from '../policy/decide.ts';
import type { Frame } from '../protocol/frame.ts';
import { endsInKeyspace } from '../protocol/request-keyspace.ts';
import type { ConnectionKeyspace } from './connection-keyspace.ts';
import { PermitFault } from './faults.ts';
import type { ClientRequest } from './in-flight-request.ts';

/** What a permit is compared with. */
export interface SendingConnection {
  readonly cassandraRole: string;
  /** The node takes a keyspace that a request names before that of the connection. */
  readonly takesRequestKeyspace: boolean;
  readonly keyspaceState: ConnectionKeyspace;
}

/**
 * Throws PermitFault where the permit is not for this. Returns whether the request reads the keyspace of the
 * connection, which must then stay as it is until the answer.
 */
export function checkPermit(
  permit: Permit,
  request: ClientRequest,
  frame: Frame,
  connection: SendingConnection,
): boolean {
  if (permit.cassandraRole !== connection.cassandraRole) {
    throw new PermitFault(
      'the permit is for another Cassandra role than the connection is logged in as',
    );
  }
  if (permit.statement !== request.statement) {
    throw new PermitFault('the permit is for another statement');
  }
  if (permit.policyVersion !== request.policyVersion) {
    throw new PermitFault('the permit is of another policy than the one in force');
  }
  const { keyspace } = request;
  if (keyspace === null) return request.isUse;
  const isNamed = connection.takesRequestKeyspace && namesItsKeyspace(request, frame);
  if (!isNamed && !connection.keyspaceState.isIn(keyspace)) {
    throw new PermitFault(
      'the connection is in another keyspace than the statement was decided in',
    );
  }
  return !isNamed;
}

/** By the bytes that are to leave: what a request says of itself may be said of another frame. */
function namesItsKeyspace({ namesKeyspace, keyspace }: ClientRequest, frame: Frame): boolean {
  return namesKeyspace && typeof keyspace === 'string' && endsInKeyspace(frame, keyspace);
}
