// STATUS_CHANGE as a gate sends it, read back as drivers read it.
import { expect, it } from 'vitest';
import { Frame } from '../../src/protocol/frame.ts';
import { inetBytes } from '../../src/protocol/inet.ts';
import { decodeEvent, encodeStatusChangeEvent } from '../../src/protocol/messages/event.ts';

it.each([
  [4, '192.0.2.1'],
  [5, '192.0.2.1'],
  [5, '2001:db8::1'],
])('in v%i of %s', (version, text) => {
  const change = { change: 'DOWN', address: inetBytes(text)!, port: 9142 };
  const bytes = encodeStatusChangeEvent(version, change);
  const frame = new Frame(bytes, 0, bytes.length);
  expect([frame.version, frame.streamId, frame.isResponse]).toEqual([version, -1, true]);
  expect(decodeEvent(frame)).toEqual({ type: 'STATUS_CHANGE', ...change });
});
