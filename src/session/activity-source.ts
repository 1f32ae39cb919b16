// What permitted rows are counted by under `dml: activity`, and what their record says: that is asked for once a
// minute, and not for each request.
import type { ActivitySource } from '../audit/activity.ts';
import { fingerprintOf } from '../audit/redact.ts';
import { compoundKey } from '../compound-key.ts';
import type { Exchange } from './exchange.ts';
import type { Request } from './request.ts';
import { permitRecord, recordOf, statementRecord } from './statement-records.ts';

export const activitySource: ActivitySource<Exchange> = {
  share: ({ session }) => session.auditShare,
  others: ({ session }) => ({
    kind: 'activity',
    session: null,
    role: session.auditBase().role ?? null,
    detail: { statements: 'others' },
  }),
  shape: ({ request }, statement, index) => {
    const { text, preparedId } = partOf(request, index);
    const shape = fingerprintOf(text, statement);
    if (shape === null) return null;
    return compoundKey(shape, preparedId?.toString('latin1') ?? null, statement.keyspace);
  },
  describe: (exchange, statement, index) => {
    const { session, request } = exchange;
    const { text, preparedId } = partOf(request, index);
    return {
      kind: 'activity',
      ...session.auditBase(),
      statement:
        request.parts === null
          ? statementRecord(exchange)
          : recordOf(statement, text, preparedId, session.schema),
      decision: permitRecord(exchange),
    };
  },
};

/** Where a statement of a request comes from: the whole of it, or a child of a BATCH. */
function partOf(
  { parts, text, prepared }: Request,
  index: number,
): { readonly text: string; readonly preparedId: Buffer | null } {
  return parts?.statements[index] ?? { text: text ?? '', preparedId: prepared[0]?.id ?? null };
}
