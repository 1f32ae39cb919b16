// Guesses at what a node has in system.local and peers: nothing that comes of comparing them may tell whether one is
// right, the steps of a trace no more than the rows.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { responsePrefix } from '../../src/protocol/body-prefix.ts';
import { FrameFlag } from '../../src/protocol/frame.ts';
import { decodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, node, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { uuidText } from '../../src/upstream/own-query.ts';

describe.skipIf(noNode)('guesses at what a node has', () => {
  let gate: TestGate;
  let client: RawClient;
  let real: RawClient;

  beforeAll(async () => {
    gate = await TestGate.start({
      contactPoint,
      roles: { tracer: { grants: ['SELECT ON KEYSPACE system_traces'] } },
      config: {
        listen: { host: '127.0.0.1', port: 0 },
        advertise: { host: '127.0.9.9', port: 9042, peers: ['127.0.9.8:9042'] },
      },
    });
    client = await RawClient.login(gate.port, 'tracer', gate.issuer.mint());
    real = await RawClient.login(node!.port, 'cassandra', 'cassandra');
  });

  afterAll(async () => {
    client?.close();
    real?.close();
    await gate?.close();
  });

  const rowsOf = async (from: RawClient, text: string) => {
    const frame = (await from.query(text))!;
    expect(errorOf(frame)).toBeNull();
    return decodeRows(frame, 4).rows;
  };

  /** Its trace, in the order of the alphabet, as it can be read through the gate; else the word that there is none. */
  async function stepsOf(text: string): Promise<string[]> {
    const body = new Writer().writeLongString(text).writeShort(1).writeByte(0).toBuffer();
    const frame = (await client.request(Opcode.QUERY, body, FrameFlag.TRACING))!;
    expect(errorOf(frame)).toBeNull();
    const { tracingId, warnings } = responsePrefix(frame);
    if (tracingId === null) return [...(warnings ?? [])];
    const session = `session_id = ${uuidText(tracingId)}`;
    const duration = `SELECT duration FROM system_traces.sessions WHERE ${session}`;
    // Cassandra writes a trace behind its answer.
    await expect.poll(async () => (await rowsOf(client, duration))[0]?.[0]).toBeTruthy();
    const rows = await rowsOf(client, `SELECT activity FROM system_traces.events WHERE ${session}`);
    return rows.map(([cell]) => cell!.toString()).sort();
  }

  it('are not told by an error that quotes them', async () => {
    const told = async (guess: string) =>
      errorOf(await client.query(`SELECT "${guess}" FROM system.local`))!.message.replaceAll(
        guess,
        'GUESS',
      );
    expect(await told(node!.host)).toBe(await told('127.8.8.8'));
    expect(await told(node!.host)).toContain('GUESS');
  });

  it('are not told by a trace that quotes them', async () => {
    const told = async (guess: string) =>
      stepsOf(`SELECT key FROM system.local WHERE cluster_name = '${guess}' ALLOW FILTERING`);
    const right = await told(node!.host);
    expect(right).toEqual(await told('127.8.8.8'));
    expect(right.join()).toContain('live rows');
  });

  it('are not told by a trace of comparing them', async () => {
    const known = '127.7.7.7';
    const insert = (await real.query(
      `INSERT INTO system.peers_v2 (peer, peer_port) VALUES ('${known}', 7000)`,
    ))!;
    expect(errorOf(insert)).toBeNull();
    const told = async (guess: string) =>
      stepsOf(`SELECT peer FROM system.peers_v2 WHERE peer = '${guess}'`);
    const right = await told(known);
    expect(right).toEqual(await told('127.8.8.8'));
    expect(right.join()).toContain('this was not traced');
    expect((await stepsOf('SELECT peer FROM system.peers_v2')).join()).toContain('live rows');
    await real.query(`DELETE FROM system.peers_v2 WHERE peer = '${known}'`);
  });
});
