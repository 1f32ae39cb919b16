// A request of the gate's own in flight: whoever asked waits for a promise.
import { later, monotonicMs, type MonotonicMs } from '../clock.ts';
import { encodeFrame, Frame } from '../protocol/frame.ts';
import { UpstreamFault } from './faults.ts';
import type { InFlight } from './in-flight-request.ts';

export class OwnRequest implements InFlight {
  readonly deadlineAtMs: MonotonicMs;
  readonly takesParts = false;
  readonly answered: (response: Frame) => void;
  readonly failed: (error: unknown) => void;
  readonly #node: string;
  readonly #timeoutMs: number;

  constructor(
    node: string,
    timeoutMs: number,
    resolve: (response: Frame) => void,
    reject: (error: unknown) => void,
  ) {
    this.#node = node;
    this.#timeoutMs = timeoutMs;
    this.deadlineAtMs = later(monotonicMs(), timeoutMs);
    this.answered = resolve;
    this.failed = reject;
  }

  tooLarge(bytes: number): void {
    this.failed(new UpstreamFault('busy', `an answer of ${bytes} bytes has no room here`));
  }

  lost(_sent: boolean, cause: UpstreamFault): void {
    this.failed(cause);
  }

  timedOut(): void {
    const text = `${this.#node} did not answer within ${this.#timeoutMs} ms`;
    this.failed(new UpstreamFault('timeout', text));
  }
}

/** The stream id is set when it is sent. */
export function ownFrame(version: number, opcode: number, body: Buffer | null): Frame {
  const bytes = encodeFrame({ version, opcode, streamId: 0, body });
  return new Frame(bytes, 0, bytes.length);
}
