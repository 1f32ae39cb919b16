// Lines of a byte stream in constant memory. Only LF ends a line: node:readline also cuts at U+2028,
// which JSON leaves as it is.

const LF = 0x0a;

export interface Line {
  readonly line: string;
  /** False for a last line without its line feed. */
  readonly ended: boolean;
}

/** Of a line longer than `maxBytes` only the beginning is given. */
export async function* linesOf(
  stream: AsyncIterable<Buffer>,
  maxBytes = Infinity,
): AsyncGenerator<Line> {
  let rest: Buffer[] = [];
  let length = 0;
  const add = (part: Buffer): void => {
    const fits = part.subarray(0, Math.max(0, maxBytes - length));
    length += part.length;
    if (fits.length > 0) rest.push(fits);
  };
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      add(chunk.subarray(start, end));
      yield { line: Buffer.concat(rest).toString('utf8'), ended: true };
      rest = [];
      length = 0;
      start = end + 1;
    }
    if (start < chunk.length) add(chunk.subarray(start));
  }
  if (rest.length > 0) yield { line: Buffer.concat(rest).toString('utf8'), ended: false };
}
