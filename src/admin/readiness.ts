// Whether this gate should get traffic, and why not.

export interface ReadinessReport {
  readonly isStarting: boolean;
  /** Why the gate should get no traffic; empty when it is ready. */
  readonly reasons: readonly string[];
  /** What should be looked after while it is ready. */
  readonly warnings: readonly string[];
}

export class Readiness {
  #starting = true;
  #draining = false;
  readonly #conditions: { readonly otherwise: string; readonly holds: () => boolean }[] = [];

  readonly #advice: (() => readonly string[])[] = [];

  /** While `holds` is false the gate is not ready, and says `otherwise`. */
  watch(otherwise: string, holds: () => boolean): void {
    this.#conditions.push({ otherwise, holds });
  }

  /** What an operator should look after while the gate is ready all the same. */
  advise(warnings: () => readonly string[]): void {
    this.#advice.push(warnings);
  }

  started(): void {
    this.#starting = false;
  }

  drain(): void {
    this.#draining = true;
  }

  warnings(): readonly string[] {
    return this.#advice.flatMap((warnings) => warnings());
  }

  report(): ReadinessReport {
    return { isStarting: this.#starting, reasons: this.reasons(), warnings: this.warnings() };
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
