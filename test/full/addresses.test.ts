// Three real nodes behind a gate: what they say of each other in traces, ranges and errors names none of them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Consistency } from '../../src/protocol/consistency.ts';
import { responsePrefix } from '../../src/protocol/body-prefix.ts';
import { FrameFlag, type Frame } from '../../src/protocol/frame.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { AddressTap } from '../support/address-scan.ts';
import { CassandraCluster, GATE_LOGIN } from '../support/cassandra-cluster.ts';
import { clusterGate, jobsOf, SHOP } from '../support/cluster-gate.ts';
import type { TestGate } from '../support/gate.ts';
import { noNode } from '../support/nodes.ts';
import { RawClient } from '../support/raw-client.ts';

const NODES = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
const GATE = '127.0.1.1';

describe.skipIf(noNode)('addresses of three nodes', () => {
  let cluster: CassandraCluster;
  let gate: TestGate;
  let tap: AddressTap;
  let bare: AddressTap;

  beforeAll(async () => {
    cluster = await CassandraCluster.start({
      datacenters: ['datacenter1', 'datacenter1', 'datacenter1'],
    });
    await cluster.allUp();
    tap = await AddressTap.start({ host: GATE, upstreamPort: () => gate.port, forbidden: NODES });
    bare = await AddressTap.start({ upstreamPort: cluster.nodes[0]!.port, forbidden: NODES });
    gate = await clusterGate(cluster, { config: { advertise: { host: GATE, port: tap.port } } });
    const [admin] = await jobsOf(gate, 1);
    await SHOP.create(admin!, 3);
    await admin!.shutdown();
  });

  afterAll(async () => {
    await tap?.close();
    await bare?.close();
    await gate?.close();
    await cluster?.remove();
  });

  async function ask(raw: RawClient, query: string, flags = 0): Promise<Frame> {
    const { version } = raw;
    const body = encodeQuery({ query, consistency: Consistency.ALL, version });
    return (await raw.request(Opcode.QUERY, body, flags))!;
  }

  /** All that is asked, while one node hangs in the end: it fails in several ways. */
  async function provoke(raw: RawClient): Promise<void> {
    await ask(raw, 'USE shop');
    await ask(raw, 'DESCRIBE CLUSTER');
    const ids: string[] = [];
    for (const query of [
      'INSERT INTO shop.t (k, v) VALUES (1, 1)',
      'SELECT * FROM shop.t WHERE k = 1',
      'INSERT INTO shop.t (k, v) VALUES (2, 1) IF NOT EXISTS',
      'SELECT * FROM shop.t',
    ]) {
      const answer = await ask(raw, query, FrameFlag.TRACING);
      ids.push(responsePrefix(answer).tracingId!.toString('hex'));
    }
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    for (const id of ids) {
      const uuid = id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
      for (const table of ['sessions', 'events']) {
        const { opcode } = await ask(
          raw,
          `SELECT * FROM system_traces.${table} WHERE session_id = ${uuid}`,
        );
        expect(opcode).toBe(Opcode.RESULT);
      }
    }
    const hung = cluster.nodes[2]!;
    hung.signal('SIGSTOP');
    try {
      for (const query of [
        'INSERT INTO shop.t (k, v) VALUES (3, 1)',
        'SELECT * FROM shop.t WHERE k = 1',
      ]) {
        expect((await ask(raw, query)).opcode, query).toBe(Opcode.ERROR);
      }
    } finally {
      hung.signal('SIGCONT');
    }
    await cluster.allUp();
  }

  it.each([
    [4, ''],
    [5, 'lz4'],
  ])('are in nothing of it in v%i %s', async (version, compression) => {
    const options: Record<string, string> = compression === '' ? {} : { COMPRESSION: compression };
    const raw = await RawClient.login(tap.port, 'job', gate.issuer.mint(), version, options, GATE);
    await provoke(raw);
    raw.close();
    expect(tap.findings).toEqual([]);
    expect(tap.seen.undecoded).toBe(0);
  });

  it('are found by the same tap straight at a node', async () => {
    const { username, password } = GATE_LOGIN;
    const raw = await RawClient.login(bare.port, username, password, 5);
    await provoke(raw);
    raw.close();
    expect(new Set(bare.findings.map(({ address }) => address))).toEqual(new Set(NODES));
  });
});
