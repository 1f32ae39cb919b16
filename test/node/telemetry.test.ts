// Spans of a migration as a collector gets them: joined to the pipeline's trace, in the words of the
// semantic conventions; and what the sampler has no say in.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FrameFlag } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { Collector } from '../support/collector.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, failure, noNode, through } from '../support/nodes.ts';
import { PIPELINE_UUID, REPOSITORY_UUID, STEP_UUID } from '../support/issuer.ts';
import { RawClient } from '../support/raw-client.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

const roles = { migrator: { grants: ['CREATE, ALTER, SELECT, MODIFY ON KEYSPACE traced'] } };

async function startGate(collector: Collector, env: Record<string, string>): Promise<TestGate> {
  return TestGate.start({
    contactPoint,
    roles,
    env: {
      ...collector.env,
      ...env,
    },
  });
}

/** A QUERY with trace context in its custom payload. */
function traced(text: string, payload: Record<string, string>): [Buffer, number] {
  const writer = new Writer().writeShort(Object.keys(payload).length);
  for (const [key, value] of Object.entries(payload)) {
    writer.writeString(key).writeBytes(Buffer.from(value));
  }
  writer.writeLongString(text).writeShort(1).writeByte(0);
  return [writer.toBuffer(), FrameFlag.CUSTOM_PAYLOAD];
}

describe.skipIf(noNode)('a migration', () => {
  let collector: Collector;
  let gate: TestGate;
  let client: RawClient;
  let token: string;

  beforeAll(async () => {
    const superuser = await direct();
    await superuser.execute(
      "CREATE KEYSPACE IF NOT EXISTS traced WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await superuser.shutdown();
    collector = await Collector.start();
    gate = await startGate(collector, {});
    token = gate.issuer.mint();
    client = await RawClient.login(gate.port, 'migrator', token);
  });

  afterAll(async () => {
    client?.close();
    await gate?.close();
    await collector?.close();
  });

  it('is a SERVER span in the trace of the pipeline, with a CLIENT span for the node', async () => {
    const answer = await client.request(
      Opcode.QUERY,
      ...traced("CREATE TABLE traced.t (k int PRIMARY KEY) WITH comment = 'secret words'", {
        traceparent: `00-${TRACE}-${PARENT}-01`,
        tracestate: 'vendor=x',
      }),
    );
    expect(answer!.opcode).toBe(Opcode.RESULT);
    const server = await collector.span(
      ({ kind, name }) => kind === 2 && name === 'CREATE TABLE traced.t',
    );
    expect(server).toMatchObject({
      traceId: TRACE,
      parentSpanId: PARENT,
      attributes: {
        'db.system.name': 'cassandra',
        'db.namespace': 'traced',
        'db.collection.name': 't',
        'db.operation.name': 'CREATE TABLE',
        'db.query.summary': 'CREATE TABLE traced.t',
        'cassandra.consistency.level': 'one',
        'cicd.pipeline.run.id': PIPELINE_UUID,
        'cicd.pipeline.task.run.id': STEP_UUID,
        'cqlgate.repository.uuid': REPOSITORY_UUID,
        'vcs.ref.head.name': 'main',
        'vcs.provider.name': 'bitbucket',
        'user.roles': ['migrator'],
        'cqlgate.decision': 'permit',
        'cqlgate.grant': expect.stringContaining('ON KEYSPACE traced'),
        'server.address': '127.0.0.1',
        'server.port': gate.port,
        'client.address': '127.0.0.1',
      },
    });
    const node = await collector.span(({ parentSpanId }) => parentSpanId === server.spanId);
    expect(node).toMatchObject({
      traceId: TRACE,
      kind: 3,
      name: 'CREATE TABLE traced.t',
      attributes: {
        'db.system.name': 'cassandra',
        'db.operation.name': 'CREATE TABLE',
        'server.address': '127.0.0.1',
        'server.port': Number(contactPoint.split(':')[1]),
      },
    });
    // The record on disk names the same span.
    const record = await gate.record((one) => one.statement?.kind === 'CREATE TABLE');
    expect(record).toMatchObject({ trace_id: TRACE, span_id: server.spanId });
  });

  it.each([
    ['request-id', `00-${TRACE}-${PARENT}-01`, TRACE],
    ['b3', `${TRACE}-${PARENT}-1`, TRACE],
    ['b3', `8448eb211c80319c-${PARENT}-1`, '00000000000000008448eb211c80319c'],
  ])('is found by %s %s too', async (key, value, traceId) => {
    collector.spans.length = 0;
    await client.request(Opcode.QUERY, ...traced('SELECT * FROM traced.t', { [key]: value }));
    const span = await collector.span(({ kind }) => kind === 2);
    expect(span).toMatchObject({ traceId, parentSpanId: PARENT, name: 'SELECT traced.t' });
  });

  it('has errors of nodes by their code, and no values', async () => {
    collector.spans.length = 0;
    await client.query("INSERT INTO traced.t (k, nothing) VALUES (1, 'hidden value')");
    const span = await collector.span(({ kind }) => kind === 3);
    expect(span.attributes).toMatchObject({
      'db.response.status_code': '0x2200',
      'error.type': '0x2200',
      'db.query.text': 'INSERT INTO traced.t (k, nothing) VALUES (?, ?)',
    });
    const sent = Buffer.concat(collector.bodies);
    expect(sent.includes('hidden value')).toBe(false);
    expect(sent.includes(token)).toBe(false);
  });

  it('comes with metrics and log lines', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(collector.metrics).toContain('db.client.operation.duration');
    expect(collector.metrics).toContain('cqlgate.requests');
    expect(collector.metrics).toContain('cqlgate.sessions');
    expect(collector.logs.some((line) => line.startsWith('listening on'))).toBe(true);
  });
});

describe.skipIf(noNode)('with a sampler that takes nothing', () => {
  it('denials, schema changes and logins are recorded all the same, and nothing else', async () => {
    const collector = await Collector.start();
    const gate = await startGate(collector, { OTEL_TRACES_SAMPLER: 'always_off' });
    const client = await through(gate);
    await client.execute('CREATE TABLE IF NOT EXISTS traced.u (k int PRIMARY KEY)');
    await client.execute('SELECT * FROM traced.u');
    await failure(client.execute('DROP TABLE traced.u'));
    await failure(client.execute('EXPLODE everything'));
    const stranger = await RawClient.connect(gate.port);
    await stranger.logIn('migrator', 'no.such.token');
    await client.shutdown();
    await gate.stop();
    const seen = collector.spans.map(({ name, attributes }) => [
      name,
      attributes['error.type'] ?? 'ok',
    ]);
    expect(seen).toContainEqual(['CREATE TABLE traced.u', 'ok']);
    expect(seen).toContainEqual(['DROP TABLE traced.u', 'denied']);
    expect(seen).toContainEqual(['cassandra', 'denied']);
    expect(seen).toContainEqual(['LOGIN', 'ok']);
    expect(seen.some(([name, error]) => name === 'LOGIN' && error !== 'ok')).toBe(true);
    expect(collector.spans.some(({ name }) => name.startsWith('SELECT'))).toBe(false);
    stranger.close();
    await gate.close();
    await collector.close();
  });
});

describe.skipIf(noNode)('without OTEL_* variables', () => {
  it('records name the trace of the caller', async () => {
    const gate = await TestGate.start({ contactPoint, roles });
    const client = await RawClient.login(gate.port, 'migrator', gate.issuer.mint());
    await client.request(
      Opcode.QUERY,
      ...traced('DROP TABLE traced.t', { traceparent: `00-${TRACE}-${PARENT}-00` }),
    );
    const record = await gate.record((one) => one.decision?.result === 'deny');
    expect(record).toMatchObject({ trace_id: TRACE, span_id: PARENT });
    client.close();
    await gate.close();
  });
});
