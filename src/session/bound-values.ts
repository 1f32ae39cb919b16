// What is bound to the markers of a QUERY or an EXECUTE. It is looked for once a marker asks, since most never do.
import type { SelectionTerm } from '../cql/statement.ts';
import { TURN } from '../limits/session.ts';
import { requestReader } from '../protocol/body-prefix.ts';
import { decodeExecute } from '../protocol/messages/execute.ts';
import { boundValues } from '../protocol/messages/parameters.ts';
import { decodeQuery } from '../protocol/messages/query.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { turnWork } from '../turn.ts';
import type { Exchange } from './exchange.ts';

type Marker = Pick<Extract<SelectionTerm, { type: 'marker' }>, 'index' | 'name'>;

export function boundValuesOf(exchange: Exchange): (term: Marker) => Buffer | null {
  let values: ReturnType<typeof boundValues> | null = null;
  // EXECUTE may name values by the names that PREPARE gave, which are the columns'.
  const names = exchange.request.prepared[0]?.bindNames ?? [];
  return ({ index, name }) => {
    values ??= decoded(exchange);
    return values({ index, name: name ?? names[index] ?? null });
  };
}

function decoded({ session, request }: Exchange): ReturnType<typeof boundValues> {
  const { frame, opcode } = request;
  const { parameters } =
    opcode === Opcode.EXECUTE
      ? decodeExecute(frame, session.version)
      : decodeQuery(frame, session.version);
  turnWork.add(parameters.valueCount / TURN.termsPerUnit);
  return boundValues(requestReader(frame), parameters);
}
