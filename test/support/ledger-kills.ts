// kill -9 at random moments while a client sends the largest legal requests; then the gate starts again and
// its ledger is looked at: whether the file before the torn bytes is what it was, whether each change whose
// answer came has its decision and its outcome, and whether `verify` accounts for all of it. The gate is the built one.
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ledgerFiles } from '../../src/audit/ledger-files.ts';
import { verifyLedger } from '../../src/audit/verify.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { randomOf } from './crashing-files.ts';
import { TestGate } from './gate.ts';
import { RawClient } from './raw-client.ts';
import { ScriptedCluster } from './scripted-cluster.ts';

const MIB = 1024 * 1024;

/** What was found; all but the first two and `files` should be 0. */
export interface KillReport {
  readonly acknowledged: number;
  /** Ends that were cut off a file. */
  readonly torn: number;
  readonly files: number;
  /** Acknowledged changes without a decision, and without an outcome. */
  readonly undecided: number;
  readonly withoutOutcome: number;
  /** Files that were changed before their torn end. */
  readonly changed: number;
  /** What `verify` found after each start. */
  readonly findings: readonly string[];
}

const CHANGED = new Writer()
  .writeInt(5)
  .writeString('UPDATED')
  .writeString('TABLE')
  .writeString('orders')
  .writeString('t')
  .toBuffer();

interface Looked {
  readonly names: readonly string[];
  readonly bytes: ReadonlyMap<string, Buffer>;
}

async function look(dir: string): Promise<Looked> {
  const names = await ledgerFiles(dir);
  const bytes = new Map<string, Buffer>();
  for (const name of names.slice(-2)) bytes.set(name, await readFile(path.join(dir, name)));
  return { names, bytes };
}

export async function killLedgers(rounds: number, seed: number): Promise<KillReport> {
  const random = randomOf(seed);
  const cluster = await ScriptedCluster.start(['dc1']);
  cluster.script = ({ text, answer }) => {
    if (!text.startsWith('ALTER TABLE orders.')) return false;
    answer(Opcode.RESULT, CHANGED);
    return true;
  };
  const { host, port } = cluster.contactPoint(0);
  const gate = await TestGate.prepare({
    contactPoint: `${host}:${port}`,
    roles: {
      one: { grants: ['SELECT, MODIFY, CREATE, ALTER, DROP ON KEYSPACE orders'] },
    },
    config: { audit: { dir: 'audit', dml: 'all' }, limits: { statementBytes: 4 * MIB } },
  });
  const dir = path.join(gate.dir, 'audit');

  /** Numbers of changes whose answer came. */
  const acknowledged: number[] = [];
  let next = 0;

  async function changes(client: RawClient): Promise<void> {
    for (;;) {
      const number = next++;
      const wide = Array.from({ length: Math.floor(random() * 2_000) }, (_u, i) => `c_${i} text`);
      const comment = 'x'.repeat(Math.floor(random() ** 3 * MIB));
      const text =
        number % 2 === 0
          ? `ALTER TABLE orders.change_${number} ADD (d int${wide.map((one) => `, ${one}`).join('')})`
          : `ALTER TABLE orders.change_${number} WITH comment = '${comment}'`;
      const answer = await client.query(text);
      if (answer === null) return;
      if (answer.opcode === Opcode.RESULT) acknowledged.push(number);
    }
  }

  async function largest(client: RawClient): Promise<void> {
    const child = 'INSERT INTO orders.t (k) VALUES (1)';
    const requests = [
      async () => client.batch(Array.from({ length: 65_535 }, () => child)),
      async () => client.query(`SELECT * FROM orders."${'n'.repeat(MIB - 100)}"`),
      async () => client.query(`SELECT * FROM other."${'n'.repeat(MIB - 100)}"`),
      async () =>
        client.query('INSERT INTO orders.t (v) VALUES (?)', { values: [Buffer.alloc(15 * MIB)] }),
      async () => client.query('SELECT * FROM orders.t'),
    ];
    for (;;) {
      const answer = await requests[Math.floor(random() * requests.length)]!();
      if (answer === null) return;
    }
  }

  let torn = 0;
  let changed = 0;
  const findings: string[] = [];
  try {
    for (let round = 1; round <= rounds; round++) {
      await gate.launch();
      const clients = await Promise.all(
        Array.from({ length: 4 }, async () =>
          RawClient.login(gate.port, 'one', gate.issuer.mint()),
        ),
      );
      const work = clients.map(async (client, i) =>
        (i < 2 ? changes(client) : largest(client)).catch(() => undefined),
      );
      // Every other time something was acknowledged for sure.
      const before = acknowledged.length;
      while (round % 2 === 1 && acknowledged.length === before) await delay(5);
      await delay(20 + random() * 800);
      await gate.stop('SIGKILL');
      for (const client of clients) client.close();
      await Promise.all(work);

      const looked = await look(dir);
      await gate.launch();
      await gate.stop('SIGKILL');
      for (const [name, bytes] of looked.bytes) {
        const after = await readFile(path.join(dir, name));
        const whole = bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
        if (whole.length < bytes.length) torn++;
        if (!after.subarray(0, whole.length).equals(whole)) changed++;
      }
      // The gate that looked was killed too: only its own last line may be cut off.
      const report = await verifyLedger(dir);
      if (report.result !== 'intact' && report.findings.length > 0) {
        const first = JSON.stringify(report.findings.slice(0, 3));
        findings.push(`round ${round}: ${report.result} ${first}`);
      }
    }
    const kept = await Promise.all(
      (await ledgerFiles(dir)).map(async (name) => readFile(path.join(dir, name), 'utf8')),
    );
    const ids = new Map<string, string>();
    const ended = new Set<string>();
    for (const line of kept.join('').split('\n')) {
      if (line === '') continue;
      const record = JSON.parse(line) as {
        id: string;
        kind: string;
        of?: string;
        statement?: { text: string | null };
        outcome?: { status: string };
      };
      const change = /^ALTER TABLE orders\.change_(\d+) /.exec(record.statement?.text ?? '')?.[1];
      if (change === undefined) continue;
      if (record.kind === 'decision') ids.set(change, record.id);
      else if (record.kind === 'outcome' && record.of !== undefined) ended.add(record.of);
    }
    return {
      acknowledged: acknowledged.length,
      torn,
      files: (await readdir(dir)).length,
      undecided: acknowledged.filter((number) => !ids.has(String(number))).length,
      withoutOutcome: acknowledged.filter((number) => !ended.has(ids.get(String(number)) ?? ''))
        .length,
      changed,
      findings,
    };
  } finally {
    await gate.close();
    await cluster.close();
  }
}
