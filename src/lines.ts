// Lines of a byte stream in constant memory. Only LF ends a line: node:readline also cuts at U+2028,
// which JSON leaves as it is.

const LF = 0x0a;

export interface Line {
  readonly line: string;
  /** False for a last line without its line feed. */
  readonly ended: boolean;
}

export async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let rest: Buffer[] = [];
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      rest.push(chunk.subarray(start, end));
      yield { line: Buffer.concat(rest).toString('utf8'), ended: true };
      rest = [];
      start = end + 1;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  if (rest.length > 0) yield { line: Buffer.concat(rest).toString('utf8'), ended: false };
}
