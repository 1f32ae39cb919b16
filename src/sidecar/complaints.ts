// Reports refused connections: one line each, up to a number per minute, and then how many more there were. A
// neighbour who connects without end must not fill the log of the step.
import { guarded } from '../guard.ts';
import { SIDECAR } from '../limits/commands.ts';

export class Complaints {
  readonly #report: (message: string) => void;
  readonly #timer: NodeJS.Timeout;
  #reported = 0;
  #more = 0;

  constructor(report: (message: string) => void) {
    this.#report = report;
    this.#timer = setInterval(
      guarded('sidecar', () => this.#flush()),
      SIDECAR.complaintsIntervalMs,
    );
    this.#timer.unref();
  }

  add(message: string): void {
    if (this.#reported >= SIDECAR.complaintsPerInterval) this.#more++;
    else {
      this.#reported++;
      this.#report(message);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#flush();
  }

  #flush(): void {
    if (this.#more > 0) this.#report(`${this.#more} more like these`);
    this.#reported = 0;
    this.#more = 0;
  }
}
