// Which clusters are served, and what the gate learns of one before it serves it.
import { describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { encodeSupported } from '../../src/protocol/messages/supported.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { SUPPORTED_VERSIONS } from '../../src/protocol/versions.ts';
import { foreignTarget, inspectTarget, TargetFault } from '../../src/upstream/target.ts';
import { rowsAnswer } from '../support/answers.ts';
import { message, errorMessage } from '../support/own-answers.ts';

describe('targets', () => {
  const target = (fields: object) => ({
    supported: new Map<string, string[]>(),
    clusterName: 'prod',
    releaseVersion: '5.0.9',
    localColumns: ['key'],
    ...fields,
  });

  it.each([
    [{}, null],
    [{ releaseVersion: '4.1.10' }, null],
    [{ releaseVersion: '5.0-rc1' }, null],
    [{ releaseVersion: '5.0' }, null],
    [{ releaseVersion: '3.11.19' }, 'Cassandra 3.11.19'],
    [{ releaseVersion: '5.1.0' }, 'Cassandra 5.1.0'],
    [{ releaseVersion: '5.01.0' }, 'Cassandra 5.01.0'],
    [{ releaseVersion: '15.0.0' }, 'Cassandra 15.0.0'],
    [{ releaseVersion: '4.0.17' }, 'Cassandra 4.0.17'],
    [{ releaseVersion: '' }, 'unknown release'],
    [{ supported: new Map([['SCYLLA_SHARD', ['0']]]) }, 'ScyllaDB'],
    [{ supported: new Map([['PRODUCT_TYPE', ['DATASTAX_APOLLO']]]) }, 'Astra'],
    [{ localColumns: ['dse_version'] }, 'DataStax Enterprise'],
    [{ clusterName: 'Amazon Keyspaces' }, 'Amazon Keyspaces'],
  ])('%j', (fields, expected) => {
    const found = foreignTarget(target(fields));
    if (expected === null) expect(found).toBeNull();
    else expect(found).toContain(expected);
  });
});

describe('a cluster that is asked', () => {
  const SUPPORTED = new Map([
    ['CQL_VERSION', ['3.4.8']],
    ['PROTOCOL_VERSIONS', ['3/v3', '4/v4', '5/v5', '6/v6-beta']],
  ]);
  const LOCAL = rowsAnswer(
    ['key', 'cluster_name', 'release_version'],
    [['local', 'prod', '5.0.9']],
  );

  const inspect = async (
    options: Frame | ReadonlyMap<string, readonly string[]>,
    local = LOCAL,
    allowUntested = false,
  ) => {
    const supported =
      options instanceof Map ? message(Opcode.SUPPORTED, encodeSupported(options)) : options;
    const asked: number[] = [];
    const request = async (opcode: number): Promise<Frame> => {
      asked.push(opcode);
      return Promise.resolve(opcode === Opcode.OPTIONS ? (supported as Frame) : local);
    };
    return inspectTarget({ version: 4, request }, allowUntested);
  };

  it('is known by its name and release, and by the versions that both speak', async () => {
    expect(await inspect(SUPPORTED)).toEqual({
      clusterName: 'prod',
      releaseVersion: '5.0.9',
      cqlVersion: '3.4.8',
      versions: [4, 5],
    });
  });

  it('speaks no version whose name only begins alike', async () => {
    const beta = new Map([...SUPPORTED, ['PROTOCOL_VERSIONS', ['4/v4', '5/v5-beta']]] as const);
    expect((await inspect(beta)).versions).toEqual([4]);
  });

  it('is taken to speak all versions where it does not say which', async () => {
    const facts = await inspect(new Map());
    expect(facts.versions).toEqual(SUPPORTED_VERSIONS);
    expect(facts.cqlVersion).toMatch(/^3\.4\./);
  });

  it('is refused where it is another product, unless that is asked for', async () => {
    const scylla = new Map([...SUPPORTED, ['SCYLLA_SHARD', ['0']]] as const);
    await expect(inspect(scylla)).rejects.toBeInstanceOf(TargetFault);
    await expect(inspect(scylla)).rejects.toThrow('ScyllaDB');
    expect((await inspect(scylla, LOCAL, true)).clusterName).toBe('prod');
  });

  it('is refused where it does not say what it is', async () => {
    await expect(inspect(SUPPORTED, rowsAnswer(['key'], [['local']]))).rejects.toThrow(
      'unknown release',
    );
    await expect(inspect(SUPPORTED, rowsAnswer(['release_version'], []))).rejects.toThrow(
      'unknown release',
    );
  });

  it('that refuses, or answers with something else, is no target that is mended by no wait', async () => {
    const closed = inspect(errorMessage(CqlErrorCode.OVERLOADED));
    await expect(closed).rejects.toMatchObject({ name: 'UpstreamFault', code: 'protocol' });
    await expect(closed).rejects.not.toBeInstanceOf(TargetFault);
    await expect(inspect(SUPPORTED, errorMessage(CqlErrorCode.UNAUTHORIZED))).rejects.toMatchObject(
      {
        code: 'login_refused',
      },
    );
    await expect(inspect(message(Opcode.READY, null))).rejects.toMatchObject({ code: 'protocol' });
  });
});
