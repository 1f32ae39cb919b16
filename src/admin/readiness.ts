// Whether this gate should get traffic, and why not.

export class Readiness {
  #starting = true;
  #draining = false;
  readonly #conditions: { readonly otherwise: string; readonly holds: () => boolean }[] = [];

  /** While `holds` is false the gate is not ready, and says `otherwise`. */
  watch(otherwise: string, holds: () => boolean): void {
    this.#conditions.push({ otherwise, holds });
  }

  started(): void {
    this.#starting = false;
  }

  drain(): void {
    this.#draining = true;
  }

  /** Empty when the gate is ready. */
  reasons(): readonly string[] {
    return [
      ...(this.#starting ? ['the gate is starting'] : []),
      ...(this.#draining ? ['the gate is draining'] : []),
      ...this.#conditions.filter((one) => !one.holds()).map((one) => one.otherwise),
    ];
  }
}
