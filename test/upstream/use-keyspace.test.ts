// A USE of the gate's own: what becomes of the connection's keyspace, and what whoever waits for it is told.
import { describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { decodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { ConnectionKeyspace } from '../../src/upstream/connection-keyspace.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { useKeyspace } from '../../src/upstream/use-keyspace.ts';
import { setKeyspaceFrame } from '../support/choosable.ts';
import { errorMessage, message, voidMessage } from '../support/own-answers.ts';

function answering(answer: Frame | Error) {
  const ends: string[] = [];
  const sent: string[] = [];
  const keyspaceState = new ConnectionKeyspace((problem) => ends.push(problem));
  return {
    version: 4,
    keyspaceState,
    ends,
    sent,
    request: async (opcode: number, body: Buffer | null, _timeoutMs: number, reads?: boolean) => {
      sent.push(decodeQuery(message(opcode, body), 4).query);
      expect([keyspaceState.state, keyspaceState.target]).toEqual(['switching', 'Ks']);
      expect(reads).toBe(true);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
}

describe('a USE of the gate', () => {
  it('sets the keyspace where the node confirms it', async () => {
    const one = answering(setKeyspaceFrame('Ks'));
    await useKeyspace(one, 'Ks');
    expect(one.sent).toEqual(['USE "Ks"']);
    expect([one.keyspaceState.current, one.keyspaceState.state]).toEqual(['Ks', 'settled']);
    expect(one.ends).toEqual([]);
  });

  it.each([
    [CqlErrorCode.INVALID, 'keyspace'],
    [CqlErrorCode.UNAUTHORIZED, 'keyspace'],
    [CqlErrorCode.OVERLOADED, 'busy'],
    [CqlErrorCode.IS_BOOTSTRAPPING, 'busy'],
    [CqlErrorCode.SERVER_ERROR, 'busy'],
  ])('leaves it as it was where the node answers with error %i', async (code, fault) => {
    const one = answering(errorMessage(code, 'the node says no'));
    await expect(useKeyspace(one, 'Ks')).rejects.toMatchObject({
      code: fault,
      message: 'the node says no',
    });
    expect(one.keyspaceState.current).toBeNull();
    expect(one.keyspaceState.canSwitch).toBe(true);
    expect(one.ends).toEqual([]);
  });

  it('says nothing of the keyspace where the connection ended in the same turn', async () => {
    const one = answering(setKeyspaceFrame('Ks'));
    const used = useKeyspace(one, 'Ks');
    one.keyspaceState.end();
    await expect(used).rejects.toMatchObject({ code: 'unreachable' });
  });

  it.each([
    ['nothing', voidMessage()],
    ['another keyspace', setKeyspaceFrame('other')],
    ['another message', message(Opcode.READY)],
  ])('ends the connection where the node answers with %s', async (_what, answer) => {
    const one = answering(answer);
    await expect(useKeyspace(one, 'Ks')).rejects.toThrow();
    expect(one.ends).toEqual(['answered a USE with what is no answer to it']);
  });

  it('ends the connection where no answer comes', async () => {
    const late = new UpstreamFault('timeout', 'late');
    const one = answering(late);
    await expect(useKeyspace(one, 'Ks')).rejects.toBe(late);
    expect(one.ends).toEqual(['did not answer a USE']);
  });

  it('does not begin on a connection whose keyspace is read', async () => {
    const one = answering(setKeyspaceFrame('Ks'));
    one.keyspaceState.readerStarted();
    await expect(useKeyspace(one, 'Ks')).rejects.toThrow('in use');
    expect(one.sent).toEqual([]);
  });
});
