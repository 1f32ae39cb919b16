// What is said of connections that were refused: a line each, up to a number a minute, and then how many more there
// were. A neighbour who connects without end must not fill the log of the step.
import { guarded } from '../guard.ts';
import { SIDECAR } from '../limits/commands.ts';

export class Complaints {
  readonly #tell: (message: string) => void;
  readonly #timer: NodeJS.Timeout;
  #told = 0;
  #more = 0;

  constructor(tell: (message: string) => void) {
    this.#tell = tell;
    this.#timer = setInterval(
      guarded('sidecar', () => this.#flush()),
      SIDECAR.complaintsIntervalMs,
    );
    this.#timer.unref();
  }

  add(message: string): void {
    if (this.#told >= SIDECAR.complaintsPerInterval) this.#more++;
    else {
      this.#told++;
      this.#tell(message);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#flush();
  }

  #flush(): void {
    if (this.#more > 0) this.#tell(`${this.#more} more like these`);
    this.#told = 0;
    this.#more = 0;
  }
}
