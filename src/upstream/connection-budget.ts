// How many connections to nodes the gate may have in all (limits.poolConnections). All pools share it: the cluster must
// not meet a gate that opens connections without end.
export class ConnectionBudget {
  readonly #max: number;
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** False: there are as many as there may be. */
  take(): boolean {
    if (this.#taken >= this.#max) return false;
    this.#taken++;
    return true;
  }

  give(): void {
    this.#taken--;
  }

  get taken(): number {
    return this.#taken;
  }

  get hasRoom(): boolean {
    return this.#taken < this.#max;
  }
}
