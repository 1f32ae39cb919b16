// SELECTs over system.local and peers through a gate and at its node: checked, computed, named and traced alike.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { FrameFlag } from '../../src/protocol/frame.ts';
import { responsePrefix } from '../../src/protocol/body-prefix.ts';
import { decodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, node, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { compareRound, targetsOf } from '../support/topology-selects.ts';

const SEED = 1;
const CASES = 400;
const SIBLINGS = ['127.0.1.7', '127.0.1.8'];

describe.skipIf(noNode)('SELECTs over system.local and peers', () => {
  let alone: TestGate;
  let fleet: TestGate;
  const clients: RawClient[] = [];

  const roles = {
    job: { grants: ['SELECT ON KEYSPACE other'] },
    tracer: { grants: ['SELECT ON KEYSPACE system_traces'] },
  };

  beforeAll(async () => {
    // Under the address of the node, so that nearly all that they tell is the same.
    const advertise = { host: node!.host, port: node!.port };
    const listen = { host: '127.0.0.1', port: 0 };
    alone = await TestGate.start({ contactPoint, roles, config: { listen, advertise } });
    const peers = SIBLINGS.map((host) => `${host}:9042`);
    fleet = await TestGate.start({
      contactPoint,
      roles,
      config: { listen, advertise: { ...advertise, peers } },
    });
  });

  afterAll(async () => {
    for (const client of clients) client.close();
    await alone?.close();
    await fleet?.close();
  });

  async function through(gate: TestGate, role = 'job', version = 4): Promise<RawClient> {
    const client = await RawClient.login(gate.port, role, gate.issuer.mint(), version);
    clients.push(client);
    return client;
  }

  async function straight(version = 4): Promise<RawClient> {
    const client = await RawClient.login(node!.port, 'cassandra', 'cassandra', version);
    clients.push(client);
    return client;
  }

  it.each([4, 5])('are answered as by the node, whatever they ask, in v%i', async (version) => {
    const targets = await targetsOf(
      await through(alone, 'tracer', version),
      await straight(version),
    );
    const { counts, differences } = await compareRound(
      targets,
      SEED,
      (seed) => seed < SEED + CASES,
    );
    expect(differences.slice(0, 3)).toEqual([]);
    // What is refused here is a small part of what the node carries out.
    expect(counts['refused here'] * 10).toBeLessThan(counts.same);
    expect(counts.same).toBeGreaterThan(100);
  });

  const textOf = async (client: RawClient, query: string): Promise<(string | null)[][]> => {
    const frame = (await client.query(query))!;
    expect(errorOf(frame)).toBeNull();
    return decodeRows(frame, client.version).rows.map((row) =>
      row.map((cell) => cell?.toString('utf8') ?? null),
    );
  };

  it('are computed of the gate, not of the node', async () => {
    const client = await through(alone);
    const port = String(node!.port);
    const [row] = await textOf(
      client,
      'SELECT toJson(listen_port), cast(broadcast_port AS text), toJson(host_id) FROM system.local',
    );
    expect(row!.slice(0, 2)).toEqual([port, port]);
    const [[json] = []] = await textOf(
      client,
      'SELECT JSON host_id, listen_port FROM system.local',
    );
    expect(JSON.parse(json!)).toEqual({ host_id: JSON.parse(row![2]!), listen_port: node!.port });
  });

  it('tell nothing of a guess at what the node has', async () => {
    const [gate, own] = await targetsOf(await through(alone), await straight());
    const found = async (condition: string) =>
      (await textOf(gate.client, `SELECT key FROM system.local WHERE ${condition} ALLOW FILTERING`))
        .length;
    expect(await found(`host_id = ${own.hostId}`)).toBe(0);
    expect(await found(`host_id = ${gate.hostId}`)).toBe(1);
    expect(await found(`listen_port = ${own.storagePort}`)).toBe(0);
    // An error of a function quotes the value that it was called with.
    const failing = 'SELECT blob_as_int(uuid_as_blob(host_id)) FROM system.local';
    const error = errorOf(await gate.client.query(failing))!;
    expect(error.message).toContain(gate.hostId.replaceAll('-', ''));
    expect(error.message).not.toContain(own.hostId.replaceAll('-', ''));
  });

  describe('of a fleet', () => {
    it.each([
      ['SELECT count(*) FROM system.peers', [['2']]],
      ['SELECT count(preferred_ip) FROM system.peers_v2', [['0']]],
      ["SELECT count(*) FROM system.peers WHERE peer = '127.0.1.7'", [['1']]],
      ["SELECT count(*) FROM system.peers WHERE peer = '127.0.1.9'", [['0']]],
    ])('%s', async (text, expected) => {
      const frame = (await (await through(fleet)).query(text))!;
      const { rows } = decodeRows(frame, 4);
      expect(rows.map((row) => row.map((cell) => String(cell!.readBigInt64BE(0))))).toEqual(
        expected,
      );
    });

    it.each([
      ['SELECT toJson(peer) FROM system.peers LIMIT 1', [['"127.0.1.7"']]],
      ['SELECT cast(peer AS text) AS a FROM system.peers_v2', SIBLINGS.map((host) => [host])],
      [
        "SELECT JSON peer, native_port FROM system.peers_v2 WHERE peer = '127.0.1.8'",
        [['{"peer": "127.0.1.8", "native_port": 9042}']],
      ],
      ["SELECT max(rack) FROM system.peers WHERE peer = '127.0.1.8'", [['rack1']]],
      ['SELECT DISTINCT peer FROM system.peers_v2 LIMIT 0', 'LIMIT must be strictly positive'],
    ])('%s', async (text, expected) => {
      const client = await through(fleet);
      if (typeof expected === 'string') {
        expect(errorOf(await client.query(text))).toEqual({
          code: CqlErrorCode.INVALID,
          message: expected,
        });
        return;
      }
      expect(await textOf(client, text)).toEqual(expected);
    });

    it.each([
      'SELECT max(peer) FROM system.peers',
      "SELECT peer FROM system.peers WHERE peer > '1.1.1.1' ALLOW FILTERING",
      "SELECT peer FROM system.peers_v2 WHERE peer = '127.0.1.7' ORDER BY peer_port",
    ])('is refused in plain words: %s', async (text) => {
      const error = errorOf(await (await through(fleet)).query(text));
      expect(error).toMatchObject({
        code: CqlErrorCode.INVALID,
        message: expect.stringContaining('system.peers_v2 cqlgate answers'),
      });
    });
  });

  it('are traced for those who may read traces, and others are told', async () => {
    const traced = async (role: string, table: string): Promise<string> => {
      const body = new Writer()
        .writeLongString(`SELECT count(*), toJson(host_id) FROM system.${table}`)
        .writeShort(1)
        .writeByte(0)
        .toBuffer();
      const client = await through(alone, role);
      const frame = (await client.request(Opcode.QUERY, body, FrameFlag.TRACING))!;
      expect(errorOf(frame)).toBeNull();
      const { tracingId, warnings } = responsePrefix(frame);
      return tracingId === null ? (warnings ?? []).join() : 'a trace';
    };
    for (const table of ['local', 'peers_v2']) {
      expect(await traced('tracer', table)).toBe('a trace');
      expect(await traced('job', table)).toContain(
        'tracing needs SELECT on system_traces.sessions',
      );
    }
  });
});
