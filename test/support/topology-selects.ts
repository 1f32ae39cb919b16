// Random SELECTs over system.local, peers and peers_v2, good ones and bad ones, sent to a node and through a gate that
// is advertised under the node's own address: what the two answer must be the same, but for the few values that even
// then are the gate's own.
import { FrameFlag, type Frame } from '../../src/protocol/frame.ts';
import { responsePrefix } from '../../src/protocol/body-prefix.ts';
import {
  decodePrepared,
  decodeRows,
  resultKind,
  ResultKind,
} from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { errorOf, type RawClient } from './raw-client.ts';

/** Numbers of a seed, below `below`. */
export type Random = (below: number) => number;

export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const LOCAL = {
  text: ['key', 'cluster_name', 'data_center', 'rack', 'release_version', 'partitioner'],
  inet: ['rpc_address', 'broadcast_address', 'listen_address'],
  int: ['rpc_port', 'gossip_generation'],
  other: ['host_id', 'schema_version', 'tokens', 'truncated_at', 'listen_port', 'broadcast_port'],
};
const PEERS = {
  text: ['data_center', 'rack', 'release_version'],
  inet: ['peer', 'preferred_ip', 'rpc_address'],
  int: [] as string[],
  other: ['host_id', 'schema_version', 'tokens'],
};
const PEERS_V2 = {
  text: ['data_center', 'rack', 'release_version'],
  inet: ['peer', 'preferred_ip', 'native_address'],
  int: ['peer_port', 'native_port', 'preferred_port'],
  other: ['host_id', 'schema_version', 'tokens'],
};
const TABLES = { local: LOCAL, peers: PEERS, peers_v2: PEERS_V2 } as const;

export interface Case {
  /** `@HOST_ID@` stands for the host id that the one who is asked tells of itself. */
  readonly text: string;
  readonly values: readonly (Buffer | null | 'unset')[];
  readonly names: readonly string[] | null;
  readonly pageSize: number | null;
  readonly pagingState: Buffer | null;
  readonly skipsMetadata: boolean;
  readonly traces: boolean;
  readonly consistency: number;
}

export function caseOf(random: Random): Case {
  const pick = <One>(of: readonly One[]): One => of[random(of.length)]!;
  const one = (in_: number): boolean => random(in_) === 0;
  const table = pick(['local', 'local', 'local', 'peers', 'peers_v2'] as const);
  const columns = TABLES[table];
  const all = Object.values(columns).flat();
  const text = () => pick(columns.text);
  const inet = () => pick(columns.inet);
  const number = () => pick(columns.int.length > 0 ? columns.int : ['gossip_generation']);
  const values: (Buffer | null | 'unset')[] = [];
  const names: string[] = [];
  const int = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return bytes;
  };
  const isNamed = one(8);
  /** A bind marker with what is bound to it, now and then what does not fit. */
  const marker = (value: Buffer): string => {
    const odd = random(14);
    values.push(
      odd === 0 ? null : odd === 1 ? 'unset' : odd === 2 ? Buffer.from([1, 2, 3]) : value,
    );
    if (!isNamed) return '?';
    names.push(`v${names.length}`);
    return `:${names.at(-1)!}`;
  };
  const isMarked = one(3);
  const literalOr = (literal: string, value: Buffer): string =>
    isMarked ? marker(value) : literal;

  const expression = (depth = 0): string => {
    const inner = (): string => (depth < 2 && one(3) ? expression(depth + 1) : pick(all));
    const kinds = [
      () => pick(all),
      () => pick(all),
      () => text(),
      () => 'count(*)',
      () => 'count(1)',
      () => `count(${pick(all)})`,
      () => `${pick(['min', 'max'])}(${pick([text, inet, number])()})`,
      () => `${pick(['sum', 'avg'])}(${number()})`,
      () => `${pick(['toJson', 'to_json', 'system.to_json'])}(${inner()})`,
      () => `cast(${inner()} AS ${pick(['text', 'ascii', 'int', 'bigint'])})`,
      () => `${pick(['writetime', 'ttl', 'maxwritetime'])}(${pick(all)})`,
      () => `text_as_blob(${text()})`,
      () => `blob_as_text(text_as_blob(${text()}))`,
      () => `inet_as_blob(${inet()})`,
      () => `blob_as_int(inet_as_blob(${inet()}))`,
      () => `uuid_as_blob(host_id)`,
      () => `${number()} + 1`,
      () => `${number()} * 2 - 1`,
      () => `100 / (${number()} - ${number()})`,
      () => 'token(key)',
      () => "(text)'it''s'",
      () => '(int)7',
      () => `tokens['${random(3)}']`,
      () => `(${inet()}, ${text()})`,
      () => `[${inet()}, ${inet()}]`,
      () => `{${text()}: ${inet()}}`,
      () => 'now()',
      () => 'nothing',
      () => 'no_function(key)',
      () => '"Key"',
      () => `mask_inner(${text()}, 1, 1)`,
      () => `mask_default(${inet()})`,
    ];
    return pick(kinds)();
  };
  const selection = (): string => {
    const isJson = one(5) ? 'JSON ' : '';
    const isDistinct = one(12) ? 'DISTINCT ' : '';
    if (isDistinct !== '')
      return `${isJson}DISTINCT ${table === 'local' ? pick(['key', 'rack']) : 'peer'}`;
    if (one(5)) return `${isJson}*`;
    const parts = Array.from({ length: 1 + random(3) }, () => {
      const alias = one(4) ? ` AS ${pick(['a', '"B c"', 'key', 'rpc_address'])}` : '';
      return expression() + alias;
    });
    return isJson + parts.join(', ');
  };
  const condition = (): string => {
    const key = table === 'local' ? 'key' : 'peer';
    const [literal, value] =
      table === 'local'
        ? pick([
            ["'local'", Buffer.from('local')],
            ["'local'", Buffer.from('local')],
            ["'other'", Buffer.from('other')],
          ] as const)
        : pick([
            ["'127.0.0.1'", Buffer.from([127, 0, 0, 1])],
            ["'::1'", Buffer.from('00000000000000000000000000000001', 'hex')],
          ] as const);
    const kinds = [
      () => `${key} = ${literalOr(literal, value)}`,
      () => `${key} = ${literalOr(literal, value)}`,
      () => `${key} = ${literalOr(literal, value)}`,
      () => `${key} IN (${literalOr(literal, value)}, ${literalOr(literal, value)})`,
      () => `${key} IN ()`,
      () => `${key} IN ?`,
      () => `${key} = 5`,
      () => `${key} = null`,
      () => `${key} > ${literalOr(literal, value)}`,
      () => `token(${key}) > 0`,
      () => `${inet()} = ${literalOr("'127.0.0.1'", Buffer.from([127, 0, 0, 1]))}`,
      () => `${inet()} = '10.1.2.3'`,
      () => `${inet()} > '10.1.2.3'`,
      () => `${inet()} = 'nowhere'`,
      () => `rpc_port = ${literalOr('@PORT@', int(1))}`,
      () => `gossip_generation > ${literalOr('5', int(5))}`,
      () => `rack = ${literalOr("'rack1'", Buffer.from('rack1'))}`,
      () => `host_id = @HOST_ID@`,
      () => "tokens CONTAINS '5'",
      () => 'nothing = 1',
      () => "rack LIKE 'a%'",
      () => 'peer_port = 7000',
      () => 'rack IS NOT NULL',
      () => `(${key}) = (${literal})`,
    ];
    return pick(kinds)();
  };
  const tail: string[] = [];
  const conditions = one(3) ? 0 : one(4) ? 2 : 1;
  const what = selection();
  if (conditions > 0)
    tail.push(`WHERE ${Array.from({ length: conditions }, condition).join(' AND ')}`);
  if (one(15)) tail.push(`GROUP BY ${pick([table === 'local' ? 'key' : 'peer', 'rack'])}`);
  if (one(15))
    tail.push(`ORDER BY ${pick(['key', 'peer', 'peer_port', 'rack'])} ${pick(['', 'DESC'])}`);
  if (one(12)) tail.push(`PER PARTITION LIMIT ${pick(['1', '0', '5'])}`);
  if (one(4))
    tail.push(`LIMIT ${one(2) ? marker(int(pick([1, 0, -3, 7]))) : pick(['0', '1', '2', '100'])}`);
  if (one(2)) tail.push('ALLOW FILTERING');
  if (one(10)) values.pop();
  if (one(12)) values.push(Buffer.from('more'));
  return {
    text: `SELECT ${what} FROM system.${table} ${tail.join(' ')}`,
    values,
    names: isNamed && names.length === values.length && names.length > 0 ? names : null,
    pageSize: one(3) ? pick([1, 2, 5_000, -1]) : null,
    pagingState: one(12) ? pick([Buffer.alloc(0), Buffer.from('garbage'), null]) : null,
    skipsMetadata: one(3),
    traces: one(6),
    consistency: pick([1, 1, 1, 4, 6, 8, 0, 10]),
  };
}

/** Whom a case is sent to, and what it tells of itself. */
export interface Target {
  readonly client: RawClient;
  readonly hostId: string;
  /** Of clients; and that of nodes among themselves, which the gate tells to be the same. */
  readonly port: number;
  readonly storagePort: number;
}

function parameters(one: Case, version: number): Buffer {
  const writer = new Writer().writeShort(one.consistency);
  let flags = 0;
  if (one.values.length > 0) flags |= 0x01;
  if (one.skipsMetadata) flags |= 0x02;
  if (one.pageSize !== null) flags |= 0x04;
  if (one.pagingState !== null) flags |= 0x08;
  if (one.names !== null) flags |= 0x40;
  if (version === 5) writer.writeInt(flags);
  else writer.writeByte(flags);
  if (one.values.length > 0) {
    writer.writeShort(one.values.length);
    one.values.forEach((value, i) => {
      if (one.names !== null) writer.writeString(one.names[i]!);
      if (value === 'unset') writer.writeInt(-2);
      else writer.writeBytes(value);
    });
  }
  if (one.pageSize !== null) writer.writeInt(one.pageSize);
  if (one.pagingState !== null) writer.writeBytes(one.pagingState);
  return writer.toBuffer();
}

export interface Answer {
  readonly how: 'PREPARE' | 'QUERY' | 'EXECUTE';
  readonly error: { code: number; message: string } | null;
  /** The message without tracing id and warnings, with what the two tell of themselves made the same. */
  readonly body: string;
  readonly isTraced: boolean;
}

/** Answers to PREPARE, QUERY and, where it could be prepared, EXECUTE. */
export async function answersOf(one: Case, target: Target): Promise<Answer[]> {
  const { client } = target;
  const { version } = client;
  const text = one.text
    .replaceAll('@HOST_ID@', target.hostId)
    .replaceAll('@PORT@', String(target.port));
  const flags = one.traces ? FrameFlag.TRACING : 0;
  const prepared = (await client.prepare(text))!;
  const query = new Writer().writeLongString(text).writeRaw(parameters(one, version)).toBuffer();
  const answers = [
    answer('PREPARE', prepared, target, preparedId(prepared, version)),
    answer('QUERY', (await client.request(Opcode.QUERY, query, flags))!, target),
  ];
  const id = preparedId(prepared, version);
  if (id === null) return answers;
  const execute = new Writer().writeShortBytes(id);
  if (version === 5) execute.writeShortBytes(resultMetadataId(prepared, id));
  const body = execute.writeRaw(parameters(one, version)).toBuffer();
  answers.push(answer('EXECUTE', (await client.request(Opcode.EXECUTE, body, flags))!, target));
  return answers;
}

function resultMetadataId(prepared: Frame, id: Buffer): Buffer {
  const at = responsePrefix(prepared).messageStart + 4 + 2 + id.length;
  const length = prepared.buffer.readUInt16BE(at);
  return prepared.buffer.subarray(at + 2, at + 2 + length);
}

function preparedId(frame: Frame, version: number): Buffer | null {
  const isPrepared = frame.opcode === Opcode.RESULT && resultKind(frame) === ResultKind.PREPARED;
  return isPrepared ? decodePrepared(frame, version).id : null;
}

/** `id`: a hash of the text, in which a host id may stand. */
function answer(
  how: Answer['how'],
  frame: Frame,
  target: Target,
  id: Buffer | null = null,
): Answer {
  const { messageStart, tracingId, warnings } = responsePrefix(frame);
  const from = messageStart + (id === null ? 0 : 4 + 2 + id.length);
  const message = frame.buffer.subarray(from, frame.end);
  const error = errorOf(frame);
  const same = (said: string): string => {
    const hostId = Buffer.from(target.hostId.replaceAll('-', ''), 'hex').toString('latin1');
    const [port, storagePort] = [target.port, target.storagePort].map(intText);
    return said
      .replaceAll(target.hostId, '@@@@@@@@@@@@@@ HOST ID @@@@@@@@@@@@@')
      .replaceAll(`0x${target.hostId.replaceAll('-', '')}`, '@@@@@@@@@@@@ HOST ID @@@@@@@@@@@@')
      .replaceAll(hostId, '@@@@@@HOST_ID@@@')
      .replaceAll(storagePort!, port!)
      .replaceAll(String(target.storagePort), String(target.port));
  };
  return {
    how,
    error: error === null ? null : { code: error.code, message: same(error.message) },
    body: same(message.toString('latin1')),
    // Of conditions that a node compares with what only it has there is a word, and no trace.
    isTraced: tracingId !== null || warnings?.some((text) => UNTRACED.test(text)) === true,
  };
}

function intText(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes.toString('latin1');
}

const UNTRACED = /^cqlgate: this was not traced, since a trace tells what conditions/;

/** What the gate does not compute: said in its own words, and only where it exchanges something. */
const REFUSED = /^Over system\.local, system\.peers and system\.peers_v2 cqlgate answers /;

const OUT_OF_BOUNDS = 'IndexOutOfBoundsException';

const BAD_PAGING_STATE = 'Invalid value for the paging state';

export type Outcome = 'same' | 'same error' | 'refused here' | 'differs';

export function compare(gate: Answer, node: Answer, text: string): Outcome {
  if (gate.error !== null && node.error === null) {
    return REFUSED.test(gate.error.message) ? 'refused here' : 'differs';
  }
  if (gate.error !== null || node.error !== null) {
    // Of two faults a node tells the one that it finds while it reads the request.
    const isOfTwo = gate.error !== null && node.error?.message === BAD_PAGING_STATE;
    const isSame =
      gate.error?.code === node.error?.code && gate.error?.message === node.error?.message;
    // A node that traces looks at values before it counts them.
    const isOfTracing = gate.isTraced && node.error?.message.includes(OUT_OF_BOUNDS) === true;
    return isSame || isOfTwo || isOfTracing ? 'same error' : 'differs';
  }
  if (gate.isTraced !== node.isTraced) return 'differs';
  if (gate.body === node.body) return 'same';
  // Two times that nobody can make the same.
  return /now\(\)/.test(text) && gate.body.length === node.body.length ? 'same' : 'differs';
}

/** The two that are compared, over connections of one protocol version. */
export async function targetsOf(gate: RawClient, node: RawClient): Promise<[Target, Target]> {
  const ask = async (client: RawClient): Promise<Target> => {
    const text = 'SELECT host_id, rpc_port, listen_port FROM system.local';
    const { rows } = decodeRows((await client.query(text))!, client.version);
    const [id, port, storagePort] = rows[0]!;
    const hostId = id!
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    return { client, hostId, port: port!.readInt32BE(0), storagePort: storagePort!.readInt32BE(0) };
  };
  return [await ask(gate), await ask(node)];
}

export interface Round {
  readonly counts: Record<Outcome, number>;
  readonly differences: readonly { one: Case; gate: Answer; node: Answer }[];
  readonly refused: readonly string[];
}

/** Cases of seeds one after the other, until `more` says no. */
export async function compareRound(
  [gate, node]: readonly [Target, Target],
  firstSeed: number,
  more: (seed: number) => boolean,
): Promise<Round> {
  const counts: Record<Outcome, number> = {
    same: 0,
    'same error': 0,
    'refused here': 0,
    differs: 0,
  };
  const differences: { one: Case; gate: Answer; node: Answer }[] = [];
  const refused: string[] = [];
  for (let seed = firstSeed; more(seed); seed++) {
    const one = caseOf(randomOf(seed));
    const [here, there] = await Promise.all([answersOf(one, gate), answersOf(one, node)]);
    for (const [i, answered] of there.entries()) {
      const mine = here[i];
      const outcome = mine === undefined ? 'differs' : compare(mine, answered, one.text);
      counts[outcome]++;
      if (outcome === 'refused here') refused.push(one.text);
      if (outcome === 'differs') differences.push({ one, gate: mine!, node: answered });
    }
  }
  return { counts, differences, refused };
}
