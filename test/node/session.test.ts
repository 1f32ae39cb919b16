// Sessions at a real node: the order around USE, events, deadlines, bounds, and slow readers.
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { decodeEvent } from '../../src/protocol/messages/event.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { encodeRegister } from '../../src/protocol/messages/register.ts';
import { decodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, freeze, noNode, thaw, through } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const WITH = "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";

describe.skipIf(noNode)('a session', () => {
  let gate: TestGate;
  let superuser: Client;
  const login = async (role = 'writer') => RawClient.login(gate.port, role, gate.issuer.mint());

  beforeAll(async () => {
    superuser = await direct();
    for (const keyspace of ['one', 'two', 'hidden']) {
      await superuser.execute(`CREATE KEYSPACE ${keyspace} ${WITH}`);
      await superuser.execute(`CREATE TABLE ${keyspace}.t (k int PRIMARY KEY, v text, b blob)`);
      await superuser.execute(`INSERT INTO ${keyspace}.t (k, v) VALUES (1, '${keyspace}')`);
    }
    gate = await TestGate.start({
      contactPoint,
      roles: {
        writer: {
          grants: [
            'SELECT, MODIFY, ALTER, CREATE, DROP ON KEYSPACE one',
            'SELECT, MODIFY ON KEYSPACE two',
          ],
        },
      },
      config: {
        limits: { readTimeoutMs: 3_000, writeTimeoutMs: 3_000, inFlightPerSession: 64 },
      },
    });
  });

  afterAll(async () => {
    await superuser?.shutdown();
    await gate?.close();
  });

  const queryFrame = (streamId: number, text: string) =>
    encodeFrame({
      version: 4,
      opcode: Opcode.QUERY,
      streamId,
      body: encodeQuery({ query: text, consistency: 1, version: 4 }),
    });

  it('reads what follows a USE in the keyspace that it set, all sent in one write', async () => {
    const raws = await Promise.all(Array.from({ length: 8 }, async () => login()));
    await Promise.all(
      raws.map(async (raw) => {
        const frames = ['one', 'two', 'one', 'two'].flatMap((keyspace, i) => [
          queryFrame(10 * i + 1, `USE ${keyspace}`),
          queryFrame(10 * i + 2, 'SELECT v FROM t WHERE k = 1'),
        ]);
        raw.write(Buffer.concat(frames));
        const seen = new Map<number, string>();
        for (let i = 0; i < frames.length; i++) {
          const answer = (await raw.next())!;
          expect(errorOf(answer)).toBeNull();
          if (answer.streamId % 10 === 2) {
            seen.set(answer.streamId, decodeRows(answer, 4).rows[0]![0]!.toString());
          }
        }
        expect([2, 12, 22, 32].map((id) => seen.get(id))).toEqual(['one', 'two', 'one', 'two']);
        raw.close();
      }),
    );
  });

  it('keeps its keyspace when a USE fails', async () => {
    const raw = await login();
    await raw.query('USE one');
    expect(errorOf(await raw.query('USE hidden'))?.code).toBe(CqlErrorCode.UNAUTHORIZED);
    await superuser.execute('DROP KEYSPACE IF EXISTS two_gone');
    const { rows } = decodeRows((await raw.query('SELECT v FROM t WHERE k = 1'))!, 4);
    expect(rows[0]?.[0]?.toString()).toBe('one');
    raw.close();
  });

  it('is told of schema changes in keyspaces that it may see, and of no others', async () => {
    const raw = await login();
    await raw.request(Opcode.REGISTER, encodeRegister(['SCHEMA_CHANGE', 'STATUS_CHANGE']));
    await superuser.execute('CREATE TABLE hidden.secret (k int PRIMARY KEY)');
    await superuser.execute('CREATE TABLE one.shown (k int PRIMARY KEY)');
    const event = (await raw.next())!;
    expect(event.streamId).toBe(-1);
    expect(decodeEvent(event)).toMatchObject({ change: 'CREATED', keyspace: 'one', name: 'shown' });
    raw.close();
  });

  it('answers READ_TIMEOUT and WRITE_TIMEOUT while the node is silent, and works on after', async () => {
    const raw = await login();
    expect(errorOf(await raw.query('SELECT v FROM one.t'))).toBeNull();
    await freeze();
    try {
      const read = await raw.query('SELECT v FROM one.t');
      expect(errorOf(read)?.code).toBe(CqlErrorCode.READ_TIMEOUT);
      const write = await raw.query("INSERT INTO one.t (k, v) VALUES (2, 'late')");
      expect(errorOf(write)).toMatchObject({
        code: CqlErrorCode.WRITE_TIMEOUT,
        message: expect.stringContaining('not known') as string,
      });
    } finally {
      thaw();
    }
    // The late answers of the quarantined streams go to nobody.
    for (let i = 0; i < 20; i++) {
      const { rows } = decodeRows((await raw.query('SELECT v FROM two.t WHERE k = 1'))!, 4);
      expect(rows[0]?.[0]?.toString()).toBe('two');
    }
    raw.close();
  });

  it('is not read beyond its requests in flight, and gets every answer', async () => {
    const IN_FLIGHT = 64;
    const patient = await TestGate.start({
      contactPoint,
      roles: { writer: { grants: ['SELECT ON KEYSPACE one'] } },
      config: {
        limits: { readTimeoutMs: 60_000, inFlightPerSession: IN_FLIGHT },
        admin: { host: '127.0.0.1', port: 0 },
      },
    });
    const held = async (): Promise<number> => {
      const text = await (await fetch(`http://127.0.0.1:${patient.adminPort}/metrics`)).text();
      return Number(/^cqlgate_memory_largest_session_bytes (\d+)$/m.exec(text)?.[1]);
    };
    try {
      const raw = await RawClient.login(patient.port, 'writer', patient.issuer.mint());
      const count = 1_000;
      const text = `SELECT v FROM one.t WHERE k = 1 /* ${'long '.repeat(1_600)} */`;
      await freeze();
      try {
        for (let i = 0; i < count; i++) raw.write(queryFrame(i, text));
        // Until nothing more is read. All of them have 8 MB.
        let [before, bytes] = [-1, 0];
        for (let same = 0; same < 5; before = bytes) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          bytes = await held();
          same = bytes === before && bytes > 0 ? same + 1 : 0;
        }
        expect(bytes).toBeLessThan(3_000_000);
      } finally {
        thaw();
      }
      const streams = new Set<number>();
      for (let i = 0; i < count; i++) {
        const answer = (await raw.next())!;
        expect(errorOf(answer)).toBeNull();
        streams.add(answer.streamId);
      }
      expect(streams.size).toBe(count);
      raw.close();
    } finally {
      await patient.close();
    }
  });

  it('that asked for it is told OVERLOADED instead', async () => {
    const raw = await RawClient.connect(gate.port);
    await raw.startup({ CQL_VERSION: '3.0.0', THROW_ON_OVERLOAD: '1' });
    await raw.authenticate(Buffer.from(`\0writer\0${gate.issuer.mint()}`));
    raw.write(
      Buffer.concat(
        Array.from({ length: 500 }, (_unused, i) =>
          queryFrame(i, 'SELECT v FROM one.t WHERE k = 1'),
        ),
      ),
    );
    const codes = new Set<number | undefined>();
    for (let i = 0; i < 500; i++) codes.add(errorOf(await raw.next())?.code);
    expect(codes).toEqual(new Set([undefined, CqlErrorCode.OVERLOADED]));
    raw.close();
  });

  it('that reads slowly stalls nobody else, and gets all of its answers in the end', async () => {
    const megabyte = `0x${'07'.repeat(400_000)}`;
    const job = await through(gate, 'writer');
    await job.execute(`INSERT INTO one.t (k, b) VALUES (9, ${megabyte})`);
    const slow = await login();
    slow.socket.pause();
    const asked = 100;
    for (let i = 0; i < asked; i++) slow.write(queryFrame(i, 'SELECT b FROM one.t WHERE k = 9'));
    const latencies: number[] = [];
    for (let i = 0; i < 100; i++) {
      const start = performance.now();
      await job.execute('SELECT v FROM two.t WHERE k = 1');
      latencies.push(performance.now() - start);
    }
    expect(Math.max(...latencies)).toBeLessThan(2_500);
    slow.socket.resume();
    for (let i = 0; i < asked; i++) expect(errorOf(await slow.next())).toBeNull();
    slow.close();
    await job.shutdown();
  });
});
