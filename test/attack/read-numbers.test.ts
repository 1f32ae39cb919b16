// Numbers that stand in a string or a blob, or that a logarithm is taken of: they take Cassandra's time like those
// that are written out, or much more (the logarithm of 2,000 digits 0.1 s, of 1e-1000 a second).
import { describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';

const insert = (term: string) => `INSERT INTO shop.t (a) VALUES (${term})`;
const json = (value: string) => `INSERT INTO shop.t JSON '{"k": 1, "v": ${value}}'`;
const SEVENS = '7'.repeat(200_000);

describe('numbers that a text stands for', () => {
  it.each([
    ['digits in a string of JSON', json(`"${SEVENS}"`)],
    ['digits behind the point in JSON', json(`"0.${SEVENS}"`)],
    ['digits as a key in JSON', json(`{"${SEVENS}": 1}`)],
    ['digits of another script in JSON', json(`"${'٧'.repeat(200_000)}"`)],
    ['digits for fromJson', insert(`fromJson('"${SEVENS}"')`)],
    ['digits for fromJson, selected', `SELECT from_json('"${SEVENS}"') FROM shop.t`],
    ['an exponent for fromJson', insert(`1 / (decimal)fromJson('"1e-100000"')`)],
    ['an exponent that is escaped', insert(String.raw`log((decimal)fromJson('"1\u0065-100000"'))`)],
    ['an exponent of another script', insert(`log((decimal)fromJson('"1e-١٠٠٠٠"'))`)],
    ['a large exponent for fromJson', insert(`round((decimal)fromJson('"1e9999999"'))`)],
    ['a decimal written as a blob', insert('log(blobAsDecimal(0x000186A001))')],
    ['a large decimal written as a blob', insert('round(blob_as_decimal(0xF000000001))')],
    ['a decimal out of a computed blob', insert(`log(blobAsDecimal(textAsBlob('x')))`)],
    [
      'a decimal written as a blob, selected',
      'SELECT log(blobAsDecimal(0x000186A001)) FROM shop.t',
    ],
    ['the logarithm of many digits', insert(`log(${'7'.repeat(2_000)})`)],
    ['the logarithm of many digits, selected', `SELECT log10(${'7'.repeat(2_000)}) FROM shop.t`],
    ['a power of e', insert(`exp(0.${'7'.repeat(3_000)})`)],
  ])('%s are too costly', (_what, text) => {
    expect(analyse(text, null)).toMatchObject({ rule: 'too_costly' });
  });

  it.each([
    ['JSON', json('"a text of 12345 words, 1e-9 and 1e999"')],
    ['long JSON', json(`[${Array.from({ length: 50_000 }, (_, i) => `${i}.5`).join()}]`)],
    ['a hash in JSON', json('"1234e567"')],
    ['fromJson', insert(`fromJson('{"a": 1.5e-7}')`)],
    ['logarithms', insert('log(2.5) + log10(1e300)')],
    ['a short decimal as a blob', insert('blobAsDecimal(0x0000000201)')],
    ['a bound blob', insert('blobAsDecimal(:value)')],
    ['a column of blobs', 'SELECT blobAsDecimal(v) FROM shop.t'],
  ])('%s are let through', (_what, text) => {
    const found = analyse(text, null);
    expect(isStatement(found) ? null : found.reason).toBeNull();
  });
});
