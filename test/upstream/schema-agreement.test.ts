// When all nodes count as having one schema: whose word counts, and how long is waited for it.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AGREEMENT } from '../../src/limits/fleet.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { encodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import {
  SchemaAgreement,
  type Agreement,
  type SchemaWitness,
} from '../../src/upstream/schema-agreement.ts';

const WAIT_MS = 10_000;
const UUID = { code: TypeCode.UUID, bytes: Buffer.from([0, TypeCode.UUID]) };

/** A schema version by a single digit. */
const version = (digit: string): string => `${'0'.repeat(8)}-0000-0000-0000-${digit.repeat(12)}`;

function versionRow(digit: string): Frame {
  const columns = [{ keyspace: 'system', table: 'local', name: 'schema_version', type: UUID }];
  const rows = [[Buffer.from(version(digit).replaceAll('-', ''), 'hex')]];
  const body = encodeRows({ columns, rows });
  const bytes = encodeFrame({ version: 4, opcode: Opcode.RESULT, streamId: 0, body });
  return new Frame(bytes, 0, bytes.length);
}

/** What each node says when it is asked: a version's digit, or nothing (`silent`); `busy` and `unreached` are not asked. */
type Says = string;

let says: Record<string, Says>;
let heard: Record<string, string> | null;
let looks: number;
let agreement: SchemaAgreement;

beforeEach(() => {
  vi.useFakeTimers();
  says = {};
  heard = {};
  looks = 0;
  agreement = new SchemaAgreement({
    witnesses: () => {
      looks++;
      return Object.keys(says).map(witness);
    },
    heard: async () => {
      await Promise.resolve();
      if (heard === null) return null;
      return new Map(Object.entries(heard).map(([id, digit]) => [id, version(digit)]));
    },
  });
});
afterEach(() => {
  vi.useRealTimers();
});

function witness(hostId: string): SchemaWitness {
  const said = says[hostId]!;
  const request = async (_opcode: number, _body: Buffer | null, timeoutMs: number) => {
    await Promise.resolve();
    if (said !== 'silent') return versionRow(said);
    await new Promise((resolve) => setTimeout(resolve, timeoutMs));
    throw new UpstreamFault('timeout', 'no answer');
  };
  const connection = said === 'unreached' ? null : said === 'busy' ? said : { version: 4, request };
  return { hostId, name: `node ${hostId}`, connection };
}

const pass = async (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

function watch(from: string | null = null): { result: Agreement | null } {
  const seen = { result: null as Agreement | null };
  void agreement.reached(WAIT_MS, from).then((result) => (seen.result = result));
  return seen;
}

const AGREED = { agreed: true, version: version('2') };
const NOT_AGREED = { agreed: false, version: null };

describe('nodes that are reached', () => {
  it('agree at once where each says the same', async () => {
    says = { a: '2', b: '2', c: '2' };
    const seen = watch();
    await pass(0);
    expect(seen.result).toEqual(AGREED);
    expect(looks).toBe(1);
  });

  it('are asked again, less and less often, until the last has it', async () => {
    says = { a: '2', b: '1' };
    const seen = watch();
    await pass(3_000);
    expect(seen.result).toBeNull();
    expect(looks).toBeLessThan(20);
    says = { a: '2', b: '2' };
    await pass(AGREEMENT.pauseMaxMs);
    expect(seen.result).toEqual(AGREED);
  });

  it('that never agree end the wait, and the next one waits for them again', async () => {
    says = { a: '2', b: '1' };
    for (let i = 0; i < 2; i++) {
      const seen = watch();
      await pass(WAIT_MS - 2 * AGREEMENT.pauseMaxMs);
      expect(seen.result).toBeNull();
      await pass(3 * AGREEMENT.pauseMaxMs);
      expect(seen.result).toEqual(NOT_AGREED);
    }
  });

  it.each(['silent', 'busy'] as const)(
    'and %s may have any schema, until they are lost',
    async (said) => {
      says = { a: '2', b: said };
      const seen = watch();
      await pass(5_000);
      expect(seen.result).toBeNull();
      says = { a: '2' };
      await pass(AGREEMENT.askTimeoutMs + AGREEMENT.pauseMaxMs);
      expect(seen.result).toEqual(AGREED);
    },
  );

  it('are not there: that is no agreement', async () => {
    const seen = watch();
    await pass(WAIT_MS + AGREEMENT.pauseMaxMs);
    expect(seen.result).toEqual(NOT_AGREED);
  });

  it('do without the one that was to make the change: it may make it yet', async () => {
    says = { a: '2' };
    const seen = watch('node b');
    await pass(3_000);
    expect(seen.result).toBeNull();
    says = { a: '2', b: '2' };
    await pass(AGREEMENT.pauseMaxMs);
    expect(seen.result).toEqual(AGREED);
  });
});

describe('nodes that are only heard of', () => {
  it('have a say: those of a datacenter that is not used change the schema too', async () => {
    says = { a: '2', far: 'unreached' };
    heard = { far: '1' };
    const seen = watch();
    await pass(2_000);
    expect(seen.result).toBeNull();
    heard = { far: '2' };
    await pass(AGREEMENT.pauseMaxMs);
    expect(seen.result).toEqual(AGREED);
  });

  it('and of whose schema nobody heard are just joining', async () => {
    says = { a: '2', new: 'unreached' };
    const seen = watch();
    await pass(0);
    expect(seen.result).toEqual(AGREED);
  });

  it('are waited for while nobody can be asked about them', async () => {
    says = { a: '2', far: 'unreached' };
    heard = null;
    const seen = watch();
    await pass(2_000);
    expect(seen.result).toBeNull();
    heard = { far: '2' };
    await pass(AGREEMENT.pauseMaxMs);
    expect(seen.result).toEqual(AGREED);
  });

  it('and were left behind hold up one change, not each, until they are back', async () => {
    says = { a: '2', b: '2', down: 'unreached' };
    heard = { down: '1' };
    const first = watch();
    await pass(WAIT_MS + AGREEMENT.pauseMaxMs);
    expect(first.result).toEqual(NOT_AGREED);
    const second = watch();
    await pass(0);
    expect(second.result).toEqual(AGREED);
    // It is back, on its way to the schema of the others.
    heard = { down: '3' };
    const third = watch();
    await pass(1_000);
    expect(third.result).toBeNull();
    heard = { down: '2' };
    await pass(AGREEMENT.pauseMaxMs);
    expect(third.result).toEqual(AGREED);
  });

  it('are not the ones left behind while those that are reached differ', async () => {
    says = { a: '2', b: '1', far: 'unreached' };
    heard = { far: '1' };
    const first = watch();
    await pass(WAIT_MS + AGREEMENT.pauseMaxMs);
    expect(first.result).toEqual(NOT_AGREED);
    says = { a: '2', b: '2', far: 'unreached' };
    const second = watch();
    await pass(1_000);
    expect(second.result).toBeNull();
  });
});
