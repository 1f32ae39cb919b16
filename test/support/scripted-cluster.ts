// A scripted node that answers as a whole cluster would to a gate that looks at it: versions, its
// own row, an empty schema.
import { CqlErrorCode } from '../../src/errors.ts';
import { encodeRows } from '../../src/protocol/messages/result.ts';
import { encodeSupported } from '../../src/protocol/messages/supported.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { Writer } from '../../src/protocol/writer.ts';
import type { ScriptedRequest } from './scripted-node.ts';

const TEXT = { code: TypeCode.VARCHAR, bytes: Buffer.from([0, TypeCode.VARCHAR]) };

/** The body of a result of one row of texts. */
export function rowOf(columns: Record<string, string>): Buffer {
  const names = Object.keys(columns);
  return encodeRows({
    columns: names.map((name) => ({ keyspace: 'k', table: 't', name, type: TEXT })),
    rows: [names.map((name) => Buffer.from(columns[name]!))],
  });
}

const LOCAL = rowOf({
  key: 'local',
  cluster_name: 'scripted',
  release_version: '5.0.9',
  data_center: 'dc1',
});
const NO_KEYSPACE = new Writer()
  .writeInt(CqlErrorCode.INVALID)
  .writeString('keyspace cqlgate does not exist')
  .toBuffer();
const EMPTY = encodeRows({ columns: [], rows: [] });
const SUPPORTED = encodeSupported(
  new Map([
    ['CQL_VERSION', ['3.4.7']],
    ['PROTOCOL_VERSIONS', ['4/v4']],
  ]),
);

/** True when the request was one of those, and is answered. */
export function answerAsCluster({ opcode, text, answer }: ScriptedRequest): boolean {
  if (opcode === Opcode.OPTIONS) answer(Opcode.SUPPORTED, SUPPORTED);
  else if (text.includes('FROM cqlgate.')) {
    // The gate's own keyspace was not made here.
    answer(Opcode.ERROR, NO_KEYSPACE);
  } else if (text.includes('FROM system')) {
    answer(Opcode.RESULT, text.includes('system.local') ? LOCAL : EMPTY);
  } else return false;
  return true;
}
