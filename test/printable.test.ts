// Text that others chose, as it may appear in records, messages and logs.
import { describe, expect, it } from 'vitest';
import { printable } from '../src/printable.ts';

describe('printable text', () => {
  it('has no control characters, whatever set they are from', () => {
    expect(printable('a\u0000b\r\nc\u001b[31md\u007fe\u0085f', 64)).toBe('abc[31mdef');
  });

  it('keeps what people write in other scripts', () => {
    expect(printable('Zoë 東京', 64)).toBe('Zoë 東京');
  });

  it('is cut after what was removed, so that control characters take no room', () => {
    expect(printable('\u0000\u0000abcdef', 4)).toBe('abcd');
  });
});
