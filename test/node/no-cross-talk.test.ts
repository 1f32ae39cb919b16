// Two hundred sessions of different roles over a few shared connections, before a node that is
// late, silent, out of order, or gone: nobody ever sees another's answer, and each request gets
// exactly one.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { encodeFrame, type Frame } from '../../src/protocol/frame.ts';
import { Consistency } from '../../src/protocol/consistency.ts';
import { decodeError } from '../../src/protocol/messages/error.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import {
  decodeRows,
  decodeSetKeyspace,
  resultKind,
  ResultKind,
} from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { random } from '../protocol/streams.ts';
import { TestGate } from '../support/gate.ts';
import { RawClient } from '../support/raw-client.ts';
import { answerAsCluster, rowOf } from '../support/scripted-cluster.ts';
import { ScriptedNode, type ScriptedRequest } from '../support/scripted-node.ts';

const SESSIONS = 200;
const REQUESTS = 40;
const AT_ONCE = 8;
const TENANTS = ['a', 'b', 'c', 'd'] as const;
const SEED = Number(process.env['SEED'] ?? 20_261_124);

describe(`a node that misbehaves (SEED=${SEED})`, () => {
  let node: ScriptedNode;
  let gate: TestGate;
  const next = random(SEED);
  const chance = (share: number): boolean => next() < share;
  let unruly = false;

  const script = (request: ScriptedRequest): boolean => {
    const { text, connection, namedKeyspace, answer } = request;
    if (answerAsCluster(request)) return true;
    const isUse = text.startsWith('USE');
    if (!text.includes('k = ') && !isUse) return false;
    if (unruly && chance(0.0008)) {
      request.close();
      return true;
    }
    // Silent for good, late by more than the deadline, or out of order.
    if (unruly && chance(0.002)) return true;
    const delayMs = unruly && chance(0.01) ? 900 : next() * 25;
    setTimeout(() => {
      const own = namedKeyspace ?? connection.keyspace;
      const keyspace = isUse ? /"?(\w+)"?$/.exec(text)![1]! : own;
      if (isUse) {
        connection.keyspace = keyspace;
        answer(Opcode.RESULT, setKeyspace(keyspace!));
      } else answer(Opcode.RESULT, rowOf({ echo: text, keyspace: keyspace ?? '' }));
    }, delayMs);
    return true;
  };

  beforeAll(async () => {
    node = await ScriptedNode.start();
    node.script = script;
    gate = await TestGate.start({
      contactPoint: `127.0.0.1:${node.port}`,
      roles: Object.fromEntries(
        TENANTS.map((tenant) => [
          `role_${tenant}`,
          { grants: [`SELECT ON KEYSPACE ${tenant}1`, `SELECT ON KEYSPACE ${tenant}2`] },
        ]),
      ),
      config: { limits: { readTimeoutMs: 500 } },
    });
  });

  afterAll(async () => {
    await gate?.close();
    await node?.close();
  });

  it('mixes up nothing', async () => {
    unruly = true;
    const sessions = Array.from({ length: SESSIONS }, async (_unused, n) => {
      const session = new TestSession(n, gate, random(SEED + n));
      await session.run();
      return session;
    });
    const ended = await Promise.all(sessions);
    const faults = ended.flatMap(({ faults }) => faults);
    expect(faults).toEqual([]);
    const total = (key: keyof TestSession['seen']): number =>
      ended.reduce((sum, session) => sum + session.seen[key], 0);
    // The run was worth something: all of it happened.
    expect(total('rows')).toBeGreaterThan((SESSIONS * REQUESTS) / 2);
    expect(total('denials')).toBeGreaterThan(50);
    expect(total('timeouts')).toBeGreaterThan(5);
    expect(total('uses')).toBeGreaterThan(100);
    expect(total('gone')).toBeGreaterThan(5);

    // And when the node behaves again, so does the gate.
    unruly = false;
    const after = new TestSession(1, gate, random(1), 0);
    await after.run();
    expect(after.faults).toEqual([]);
    expect(after.seen.timeouts).toBe(0);
  }, 120_000);
});

function setKeyspace(keyspace: string): Buffer {
  const name = Buffer.from(keyspace);
  return Buffer.concat([Buffer.from([0, 0, 0, ResultKind.SET_KEYSPACE, 0, name.length]), name]);
}

type Check = (answer: Frame) => string | null;

class TestSession {
  readonly #name: string;
  readonly #tenant: string;
  readonly #gate: TestGate;
  readonly #next: () => number;
  readonly #unruly: number;
  readonly #waiting = new Map<number, Check>();
  #client!: RawClient;
  #keyspace: string | null = null;
  readonly faults: string[] = [];
  readonly seen = { rows: 0, denials: 0, timeouts: 0, errors: 0, uses: 0, gone: 0 };

  constructor(n: number, gate: TestGate, next: () => number, unruly = 1) {
    this.#name = `session${n}`;
    this.#tenant = TENANTS[n % TENANTS.length]!;
    this.#gate = gate;
    this.#next = next;
    this.#unruly = unruly;
  }

  async run(): Promise<void> {
    const token = this.#gate.issuer.mint();
    this.#client = await RawClient.login(this.#gate.port, `role_${this.#tenant}`, token);
    for (let sent = 0; sent < REQUESTS; sent++) {
      while (this.#waiting.size >= AT_ONCE) await this.#receive();
      const dice = this.#next();
      if (dice < 0.1) await this.#use();
      else if (dice < 0.2) this.#send(this.#foreign(sent), (answer) => this.#denied(answer));
      else if (dice < 0.203 * this.#unruly) {
        // Leaves in the middle; what is under way for it must reach nobody.
        this.#client.close();
        this.seen.gone++;
        return;
      } else {
        const qualified = this.#keyspace === null || this.#next() < 0.5;
        const table = qualified ? `${this.#own()}.t` : 't';
        const text = `SELECT v FROM ${table} WHERE k = '${this.#name}-${sent}'`;
        this.#send(text, (answer) => this.#row(answer, text, qualified ? null : this.#keyspace));
      }
    }
    while (this.#waiting.size > 0) await this.#receive();
    // Anything that still comes was asked by nobody.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const late = await Promise.race([this.#client.next(), Promise.resolve('nothing')]);
    if (late !== 'nothing') this.faults.push(`${this.#name}: an answer to nothing`);
    this.#client.close();
  }

  #own(): string {
    return `${this.#tenant}${this.#next() < 0.5 ? 1 : 2}`;
  }

  #foreign(sent: number): string {
    const other = TENANTS[(TENANTS.indexOf(this.#tenant as 'a') + 1) % TENANTS.length]!;
    return `SELECT v FROM ${other}1.t WHERE k = '${this.#name}-${sent}'`;
  }

  /** A USE, and what is sent behind it at once, is read in the keyspace that it set. */
  async #use(): Promise<void> {
    while (this.#waiting.size > 0) await this.#receive();
    const keyspace = this.#own();
    this.#send(`USE ${keyspace}`, (answer) => {
      if (answer.opcode === Opcode.RESULT) {
        if (resultKind(answer) !== ResultKind.SET_KEYSPACE) return 'no SET_KEYSPACE';
        if (decodeSetKeyspace(answer) !== keyspace) return `another keyspace than ${keyspace}`;
        this.#keyspace = keyspace;
        this.seen.uses++;
        return null;
      }
      return this.#error(answer);
    });
    await this.#receive();
  }

  #send(text: string, check: Check): void {
    let streamId = Math.floor(this.#next() * 32_768);
    while (this.#waiting.has(streamId)) streamId = Math.floor(this.#next() * 32_768);
    this.#waiting.set(streamId, check);
    const body = encodeQuery({ query: text, consistency: Consistency.ONE, version: 4 });
    this.#client.write(encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId, body }));
  }

  async #receive(): Promise<void> {
    const answer = await this.#client.next();
    if (answer === null) {
      this.faults.push(`${this.#name}: closed with ${this.#waiting.size} unanswered`);
      this.#waiting.clear();
      return;
    }
    const check = this.#waiting.get(answer.streamId);
    this.#waiting.delete(answer.streamId);
    const fault = check === undefined ? 'an answer to nothing, or a second one' : check(answer);
    if (fault !== null) this.faults.push(`${this.#name}: ${fault}`);
  }

  #row(answer: Frame, text: string, keyspace: string | null): string | null {
    if (answer.opcode === Opcode.ERROR) return this.#error(answer);
    const [echo, there] = decodeRows(answer, 4).rows[0]!.map(String);
    if (echo !== text) return `asked ${text}, got ${echo}`;
    if (keyspace !== null && there !== keyspace) return `${text} ran in ${there}, not ${keyspace}`;
    this.seen.rows++;
    return null;
  }

  #denied(answer: Frame): string | null {
    if (answer.opcode !== Opcode.ERROR) return "another tenant's row";
    if (decodeError(answer).code !== CqlErrorCode.UNAUTHORIZED) return this.#error(answer);
    this.seen.denials++;
    return null;
  }

  #error(answer: Frame): string | null {
    const { code, message } = decodeError(answer);
    if (code === CqlErrorCode.READ_TIMEOUT) this.seen.timeouts++;
    else if (code === CqlErrorCode.OVERLOADED || code === CqlErrorCode.UNAVAILABLE)
      this.seen.errors++;
    else return `${code.toString(16)} ${message}`;
    return null;
  }
}
