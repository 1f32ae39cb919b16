// What a record may hold: its size, what is said of what was cut, and which characters stand in it.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { DenialReason } from '../../src/refusals.ts';
import { bounded, encode } from '../../src/audit/bound.ts';
import type { AuditEntry } from '../../src/audit/record.ts';
import { LEDGER } from '../../src/limits/audit.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const statement = {
  kind: 'SELECT',
  keyspace: 'ks',
  resources: ['TABLE ks.t'],
  text: 'SELECT a FROM ks.t',
  sha256: null,
  fingerprint: null,
  lwt: false,
};
const ENTRY: AuditEntry = { kind: 'decision', session: 's', statement };

const encodeEntry = (entry: AuditEntry): string => encode(entry);

function sizeOf(entry: object): number {
  const json = encode(entry);
  JSON.parse(json);
  return Buffer.byteLength(json);
}

describe('a record', () => {
  it('is left as it is where nothing has to be done', () => {
    expect(bounded(ENTRY)).toBe(ENTRY);
    const quoted = { ...ENTRY, reason: 'grüße "quoted" and \\ 漢字' };
    expect(bounded(quoted)).toBe(quoted);
    expect(encode(quoted)).toBe(JSON.stringify(quoted));
  });

  it('says of a long value how long it was, and its hash', () => {
    const keyspace = 'k'.repeat(1_000_000);
    const made = bounded({ ...ENTRY, statement: { ...statement, keyspace } });
    expect(made.statement.keyspace.length).toBeLessThan(1_100);
    expect(made.cut).toEqual({
      'statement.keyspace': { bytes: 1_000_000, sha256: sha256(keyspace) },
    });
  });

  it('says of a long list how many there were, and the hash of all', () => {
    const resources = Array.from({ length: 60_000 }, (_unused, i) => `TABLE ks.table_${i}`);
    const made = bounded({ ...ENTRY, statement: { ...statement, resources } });
    const kept = made.statement.resources;
    expect(kept.length).toBeGreaterThan(100);
    expect(kept).toEqual(resources.slice(0, kept.length));
    expect(made.cut!['statement.resources']).toEqual({
      items: 60_000,
      bytes: JSON.stringify(resources).length,
      sha256: sha256(JSON.stringify(resources)),
    });
  });

  it.each([
    ['one huge name', ['x'.repeat(3_000_000)]],
    ['many', Array.from({ length: 65_535 }, (_unused, i) => `t${i}`)],
    ['many huge', Array.from({ length: 16 }, () => 'é'.repeat(500_000))],
    ['escapes', Array.from({ length: 100 }, () => '"\\\u202e\u0000\ud800'.repeat(200))],
  ])('is never longer than its bound: %s, in every field at once', (_name, list) => {
    const long = list.join('');
    const entry: AuditEntry = {
      kind: 'decision',
      session: long,
      trace_id: long,
      role: long,
      binding: long,
      reason: long,
      statement: {
        ...statement,
        kind: long,
        keyspace: long,
        text: long,
        resources: list,
        needs: list,
        prepared_id: long,
      },
      decision: {
        result: 'deny',
        policy_version: long,
        grant: long,
        reason: long as DenialReason,
        missing: list,
      },
      client: { address: long, driver: long, driver_version: long, protocol: 4, tls: long },
      detail: { a: long, b: long },
    };
    expect(sizeOf({ v: 1, seq: 1, ...entry })).toBeLessThanOrEqual(LEDGER.recordBytes);
    // Once bounded it stays as it is, with what was said of it.
    const once = bounded(entry);
    expect(JSON.parse(encode(once))).toEqual(once);
  });

  it('shows characters that hide, turn round or break text', () => {
    const risky =
      '\u0000\u0007\n\t\u001b\u007f\u0085\u009f\u061c\u200b\u200e\u200f\u202a\u202e\u2066\u2069\u2028\u2029\ufeff\ud800';
    const made = JSON.parse(
      encodeEntry({
        ...ENTRY,
        role: `a${risky}`,
        statement: { ...statement, resources: [`TABLE ${risky}`] },
        detail: { by: risky },
        client: { address: risky, driver: risky, driver_version: '\udc00', protocol: 4, tls: null },
      }),
    ) as AuditEntry;
    const shown = [...Array(risky.length).keys()]
      .map((i) => `\\u${risky.charCodeAt(i).toString(16).padStart(4, '0')}`)
      .join('');
    expect(made.role).toBe(`a${shown}`);
    expect(made.statement!.resources).toEqual([`TABLE ${shown}`]);
    expect(made.detail).toEqual({ by: shown });
    expect(made.client!.driver_version).toBe('\\udc00');
    expect(encodeEntry({ ...ENTRY, role: 'a \u{1f600} b' })).toContain('\u{1f600}');
  });
});
