// Whether this gate should get traffic, and why not.

export interface ReadinessReport {
  readonly isStarting: boolean;
  /** Why the gate should get no traffic; empty when it is ready. */
  readonly reasons: readonly string[];
  /** What an operator should look after although the gate is ready. */
  readonly warnings: readonly string[];
}

export class Readiness {
  #starting = true;
  #draining = false;
  readonly #conditions: { readonly otherwise: string; readonly isMet: () => boolean }[] = [];
  readonly #advice: (() => readonly string[])[] = [];

  /** While `isMet` returns false, the gate is not ready, and the reason is `otherwise`. */
  watch(otherwise: string, isMet: () => boolean): void {
    this.#conditions.push({ otherwise, isMet });
  }

  /** Adds warnings, which do not keep the gate from being ready. */
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
      ...this.#conditions.filter((one) => !one.isMet()).map((one) => one.otherwise),
    ];
  }
}
