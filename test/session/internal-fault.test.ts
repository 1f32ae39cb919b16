// An error of the gate's own is counted and logged, and its text only where it can quote nobody.
import { describe, expect, it } from 'vitest';
import { MessageFault, ProtocolFault } from '../../src/errors.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { Log } from '../../src/session/gate.ts';
import { reportFault, type FaultPlace } from '../../src/session/internal-fault.ts';
import { PermitFault, UpstreamFault } from '../../src/upstream/faults.ts';

function reported(place: FaultPlace, error: unknown, context: Record<string, unknown> = {}) {
  const metrics = new Metrics();
  const lines: { fields: Readonly<Record<string, unknown>>; message: string }[] = [];
  const log: Log = {
    info: () => undefined,
    warn: () => undefined,
    error: (fields, message) => lines.push({ fields, message }),
  };
  reportFault({ log, metrics }, place, error, context);
  const counted = [...metrics.counts('internal_faults_total')]
    .filter(({ series }) => series.value > 0)
    .map(({ labels, series }) => [...labels, series.value].join(' '));
  return { lines, counted };
}

describe('an error of the gate', () => {
  it.each<FaultPlace>(['request', 'answer', 'session', 'permit'])(
    'is counted and logged once, by where it came up (%s)',
    (place) => {
      const { lines, counted } = reported(place, new TypeError('x'), { session: 'a1', opcode: 7 });
      expect(counted).toEqual([`${place} 1`]);
      expect(lines).toHaveLength(1);
      expect(lines[0]!.message).toContain(place);
      expect(lines[0]!.fields).toMatchObject({ session: 'a1', opcode: 7, error: 'TypeError' });
    },
  );

  it('is told by its place in the code, and not by its text, which may quote a statement', () => {
    for (const error of [
      new Error('secret'),
      new UpstreamFault('protocol', 'secret'),
      new RangeError('secret'),
      'secret',
      { message: 'secret' },
    ]) {
      const { lines } = reported('request', error);
      expect(JSON.stringify(lines)).not.toContain('secret');
    }
    expect(reported('request', new Error('x')).lines[0]!.fields['at']).toEqual(
      expect.arrayContaining([expect.stringContaining('internal-fault.test')]),
    );
  });

  it.each([
    new ProtocolFault('field of 7 bytes'),
    new MessageFault('field of 7 bytes'),
    new PermitFault('field of 7 bytes'),
  ])('that is of our own decoders is told with its text (%s)', (error) => {
    expect(reported('answer', error).lines[0]!.fields['reason']).toBe('field of 7 bytes');
  });

  it('keeps the context apart from what the error says', () => {
    const { lines } = reported('request', new Error('x'), { error: 'of the caller' });
    expect(lines[0]!.fields['error']).toBe('Error');
  });
});
