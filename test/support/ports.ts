// Two ends of a channel between processes, without the processes.
import { EventEmitter } from 'node:events';
import type { WorkerProcess } from '../../src/workers/primary.ts';

/** What one end sends comes to the other, as a copy, in a later turn. */
export class FakePort extends EventEmitter implements WorkerProcess {
  peer: FakePort | null = null;
  isClosed = false;

  static pair(): [FakePort, FakePort] {
    const [one, other] = [new FakePort(), new FakePort()];
    one.peer = other;
    other.peer = one;
    return [one, other];
  }

  send(message: object, failed: (error: Error | null) => void): void {
    const copy: unknown = structuredClone(message);
    setImmediate(() => {
      if (this.isClosed || this.peer?.isClosed === true) failed(new Error('the channel is closed'));
      else {
        failed(null);
        this.peer?.emit('message', copy);
      }
    });
  }

  /** As the process at the other end ends. */
  end(code: number | null, signal: string | null = null): void {
    this.isClosed = true;
    this.emit('exit', code, signal);
  }
}
