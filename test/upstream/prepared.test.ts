// The registry of prepared statements: what an id means, who may skip metadata, and its bound.
import { describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import type { Prepared } from '../../src/protocol/messages/result.ts';
import { idDependsOnKeyspace } from '../../src/cql/connection-state.ts';
import { TURN } from '../../src/limits/session.ts';
import { turnWork } from '../../src/turn.ts';
import { PreparedRegistry } from '../../src/upstream/prepared.ts';

const id = (n: number) => Buffer.alloc(16, n);

function shape(n: number, columns = 'k,v'): Prepared {
  return {
    id: id(n),
    resultMetadataId: null,
    bindMetadata: Buffer.from('bind'),
    resultMetadata: Buffer.from(columns),
    bindColumns: [],
    pkIndexes: [],
    resultColumnCount: columns.split(',').length,
  };
}

function statement(text: string) {
  const found = analyse(text, 'ks');
  if (!isStatement(found)) throw new Error(found.reason);
  return found;
}

const source = (text = 'SELECT * FROM ks.t') => ({
  text,
  keyspace: null,
  statement: statement(text),
});
const find = (registry: PreparedRegistry, n: number) => registry.find(id(n), 0, 16);

const SAME = { isSame: true, resultMetadataId: null };
const REFUSAL = { code: 0x2200, message: 'no such table' };
const V4 = { node: 'one', version: 4, hasId: false };
const V5 = { node: 'one', version: 5, hasId: true };

describe('the registry', () => {
  it('knows only what was learned', () => {
    const registry = new PreparedRegistry({ maxBytes: 1e6 });
    expect(find(registry, 1)).toBeNull();
    registry.learn(shape(1), 4, source(), {});
    expect(find(registry, 1)).toMatchObject({ text: 'SELECT * FROM ks.t', returnsRows: true });
    const inFrame = Buffer.concat([Buffer.alloc(3), id(1), Buffer.alloc(3)]);
    expect(registry.find(inFrame, 3, 19)).toBe(find(registry, 1));
  });

  it('counts what it copies as work of the turn', () => {
    const registry = new PreparedRegistry({ maxBytes: 1e7 });
    const before = turnWork.done;
    const resultMetadata = Buffer.alloc(500_000);
    registry.learn({ ...shape(1), resultMetadata }, 4, source(), {});
    const units = TURN.prepared + resultMetadata.length / TURN.bytesPerUnit;
    expect(turnWork.done - before).toBeGreaterThanOrEqual(units);
  });

  it('tells ids apart that begin alike, also when one of them was dropped or changed', () => {
    const registry = new PreparedRegistry({ maxBytes: 5_000 });
    const alike = (n: number) => Buffer.concat([Buffer.alloc(4, 7), Buffer.alloc(12, n)]);
    const text = (n: number) => `SELECT * FROM ks.t WHERE k = ${n}`;
    const learn = (n: number, columns = 'k,v') =>
      registry.learn({ ...shape(n, columns), id: alike(n) }, 4, source(text(n)), {});
    const known = (n: number) => registry.find(alike(n), 0, 16)?.text ?? null;
    for (const n of [1, 2, 3]) learn(n);
    learn(2, 'a,k,v');
    expect([1, 2, 3].map(known)).toEqual([1, 2, 3].map(text));
    expect(registry.find(alike(1), 0, 15)).toBeNull();
    // Room for four: whoever is left is still found, and no one else.
    for (let n = 4; n <= 20; n++) learn(n);
    const left = Array.from({ length: 20 }, (_unused, i) => known(i + 1)).filter((one) => one);
    expect(left).toHaveLength(registry.size);
    expect(known(20)).toBe(text(20));
  });

  it('keeps neither of two statements that came with one id', () => {
    const registry = new PreparedRegistry({ maxBytes: 1e6 });
    const [one, other] = ['a', 'b'].map((column) => source(`SELECT ${column} FROM ks.t`));
    expect(registry.learn(shape(1), 4, one!, {})).toBe(true);
    expect(registry.learn(shape(1), 5, one!, {})).toBe(true);
    const { bytes } = registry;
    expect(registry.learn(shape(2), 4, one!, {})).toBe(true);
    for (const second of [other!, { ...one!, keyspace: 'ks' }]) {
      expect(registry.learn(shape(2), 4, second, {})).toBe(false);
      expect(find(registry, 2)).toBeNull();
      expect(registry.bytes).toBe(bytes);
      expect(registry.learn(shape(2), 4, one!, {})).toBe(true);
    }
    expect(find(registry, 1)?.text).toBe(one!.text);
  });

  it('knows who prepared a statement himself', () => {
    const registry = new PreparedRegistry({ maxBytes: 1e6 });
    const [one, other] = [{}, {}];
    registry.learn(shape(1), 4, source(), one);
    registry.invalidateAll();
    registry.learn(shape(1, 'k,v,w'), 4, source(), {});
    expect(registry.wasPreparedBy(find(registry, 1)!, one)).toBe(true);
    expect(registry.wasPreparedBy(find(registry, 1)!, other)).toBe(false);
  });

  it('takes ids of any length', () => {
    const registry = new PreparedRegistry({ maxBytes: 1e6 });
    registry.learn({ ...shape(1), id: Buffer.from([1]) }, 4, source('SELECT a FROM ks.t'), {});
    expect(registry.find(Buffer.from([9, 1]), 1, 2)?.text).toBe('SELECT a FROM ks.t');
    expect(registry.find(Buffer.from([9, 1]), 0, 1)).toBeNull();
  });

  it('lets those skip metadata who were given the present one', () => {
    const registry = new PreparedRegistry({ maxBytes: 1e6 });
    const [one, other] = [{}, {}];
    registry.learn(shape(1), 4, source(), one);
    expect(registry.wasGiven(find(registry, 1)!, one)).toBe(true);
    expect(registry.wasGiven(find(registry, 1)!, other)).toBe(false);
    // Another client is told of another column: the first one's metadata is old.
    registry.learn(shape(1, 'a,k,v'), 4, source(), other);
    expect(registry.wasGiven(find(registry, 1)!, one)).toBe(false);
    expect(registry.wasGiven(find(registry, 1)!, other)).toBe(true);
  });

  it('trusts nobody after a change of the table, the keyspace, or missed events', () => {
    const registry = new PreparedRegistry({ maxBytes: 1e6 });
    const client = {};
    const given = () => {
      registry.learn(shape(1), 4, source(), client);
      return find(registry, 1)!;
    };
    for (const change of [
      () => registry.invalidate('ks', 't'),
      () => registry.invalidate('ks', null),
      () => registry.invalidateAll(),
    ]) {
      const prepared = given();
      expect(registry.wasGiven(prepared, client)).toBe(true);
      change();
      expect(registry.wasGiven(prepared, client)).toBe(false);
    }
    const prepared = given();
    registry.invalidate('ks', 'other');
    registry.invalidate('other', null);
    expect(registry.wasGiven(prepared, client)).toBe(true);
  });

  it('repairs once for a herd, and believes no rows meanwhile', async () => {
    const registry = new PreparedRegistry({ maxBytes: 1e6 });
    const client = {};
    registry.learn(shape(1), 4, source(), client);
    const prepared = find(registry, 1)!;
    let asked = 0;
    let answer: (again: Prepared) => void = () => undefined;
    const prepare = async () => {
      asked++;
      return new Promise<Prepared>((resolve) => {
        answer = resolve;
      });
    };
    const repairs = [1, 2, 3].map(async () => registry.repair(prepared, V4, prepare));
    expect(registry.wasGiven(prepared, client)).toBe(false);
    answer(shape(1));
    expect(await Promise.all(repairs)).toEqual([SAME, SAME, SAME]);
    expect(asked).toBe(1);
    expect(registry.wasGiven(prepared, client)).toBe(true);
  });

  it('repairs on each node by itself, and believes no rows until all of them agree', async () => {
    const registry = new PreparedRegistry({ maxBytes: 1e6 });
    const client = {};
    registry.learn(shape(1), 4, source(), client);
    const prepared = find(registry, 1)!;
    const answers: ((again: Prepared) => void)[] = [];
    const prepare = async () =>
      new Promise<Prepared>((resolve) => {
        answers.push(resolve);
      });
    const repair = async (node: string) => registry.repair(prepared, { ...V4, node }, prepare);
    let pair = [repair('one'), repair('two')];
    expect(answers).toHaveLength(2);
    answers[1]!(shape(1));
    await pair[1];
    expect(registry.wasGiven(prepared, client)).toBe(false);
    answers[0]!(shape(1));
    expect(await Promise.all(pair)).toEqual([SAME, SAME]);
    expect(registry.wasGiven(prepared, client)).toBe(true);
    // One node has other columns: whoever decodes by the old ones must not.
    pair = [repair('one'), repair('two')];
    answers[2]!(shape(1, 'a,k,v'));
    answers[3]!(shape(1));
    expect(await Promise.all(pair)).toEqual([{ ...SAME, isSame: false }, SAME]);
    expect(registry.wasGiven(prepared, client)).toBe(false);
  });

  it('counts nobody as given when a repair fails', async () => {
    const registry = new PreparedRegistry({ maxBytes: 1e6 });
    const client = {};
    registry.learn(shape(1), 4, source(), client);
    const prepared = find(registry, 1)!;
    const failing = registry.repair(prepared, V4, async () => Promise.reject(new Error('gone')));
    await expect(failing).rejects.toThrow('gone');
    expect(registry.wasGiven(prepared, client)).toBe(false);
    registry.learn(shape(1), 4, source(), client);
    expect(registry.wasGiven(prepared, client)).toBe(true);
  });

  it.each([
    ['another id', { ...shape(1), id: id(9) }, false],
    ['other bind metadata', { ...shape(1), bindMetadata: Buffer.from('x') }, false],
    ['other result metadata', shape(1, 'a,k,v'), false],
    ['the same', shape(1), true],
  ])('takes a repair with %s for %s', async (_name, again, isSame) => {
    const registry = new PreparedRegistry({ maxBytes: 1e6 });
    const client = {};
    registry.learn(shape(1), 4, source(), client);
    const prepared = find(registry, 1)!;
    const repaired = await registry.repair(prepared, V4, async () => Promise.resolve(again));
    expect(repaired).toEqual({ isSame, resultMetadataId: null });
    expect(registry.wasGiven(prepared, client)).toBe(isSame);
    // What a version was never told is not as before.
    expect(await registry.repair(prepared, V5, async () => Promise.resolve(again))).toMatchObject({
      isSame: false,
    });
  });

  it('tells by which result metadata a node reads in v5, and leaves it to each client to compare', async () => {
    const registry = new PreparedRegistry({ maxBytes: 1e6 });
    registry.learn({ ...shape(1), resultMetadataId: id(5) }, 5, source(), {});
    const again = { ...shape(1, 'a,k,v'), resultMetadataId: id(6) };
    const repaired = await registry.repair(find(registry, 1)!, V5, async () =>
      Promise.resolve(again),
    );
    expect(repaired).toEqual({ isSame: true, resultMetadataId: id(6) });
  });

  it('tells what a node says that refuses, and counts nobody as given then', async () => {
    const registry = new PreparedRegistry({ maxBytes: 1e6 });
    const client = {};
    registry.learn(shape(1), 4, source(), client);
    const prepared = find(registry, 1)!;
    const repaired = await registry.repair(prepared, V4, async () => Promise.resolve(REFUSAL));
    expect(repaired).toEqual({ refused: REFUSAL });
    expect(registry.wasGiven(prepared, client)).toBe(false);
  });

  it('knows whose values are of types that another client was told since', () => {
    const registry = new PreparedRegistry({ maxBytes: 1e6 });
    const [one, other, late] = [{}, {}, {}];
    const known = (client: object) => registry.knowsMarkers(find(registry, 1)!, client);
    registry.learn(shape(1), 5, source(), one);
    registry.learn(shape(1, 'a,k,v'), 5, source(), other);
    expect([one, other, late].map(known)).toEqual([true, true, true]);
    registry.learn({ ...shape(1), bindMetadata: Buffer.from('other') }, 5, source(), other);
    expect([one, other, late].map(known)).toEqual([false, true, false]);
    registry.learn({ ...shape(1), bindMetadata: Buffer.from('other') }, 5, source(), one);
    expect([one, other, late].map(known)).toEqual([true, true, false]);
  });

  it('is bounded in bytes, and keeps what is used', () => {
    const registry = new PreparedRegistry({ maxBytes: 20_000 });
    registry.learn(shape(0), 4, source(), {});
    for (let n = 1; n < 200; n++) {
      find(registry, 0);
      registry.learn(shape(n), 4, source(), {});
    }
    expect(registry.bytes).toBeLessThanOrEqual(20_000);
    expect(find(registry, 0)).not.toBeNull();
    expect(find(registry, 1)).toBeNull();
  });

  it('knows which ids depend on the keyspace', () => {
    expect(idDependsOnKeyspace(statement('SELECT * FROM ks.t'))).toBe(false);
    expect(idDependsOnKeyspace(statement('SELECT * FROM t'))).toBe(true);
    expect(idDependsOnKeyspace(statement('USE ks'))).toBe(true);
    expect(idDependsOnKeyspace(statement('TRUNCATE ks.t'))).toBe(false);
  });
});
