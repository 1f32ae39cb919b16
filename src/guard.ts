// Where the event loop enters the gate: sockets, timers, messages of other threads and processes, promises
// that nobody waits for. An error of ours that comes up there would end the process and every session with
// it. So each entry is registered through here: the error is reported, and ends only what the handler
// belongs to. Lint finds handlers that are registered without it (eslint.config.js).

/** What the handler belonged to: a bounded set, the label of `internal_faults_total`. */
export type FaultPlace =
  | 'session'
  | 'listener'
  | 'analyst'
  | 'decompression'
  | 'connection'
  | 'route'
  | 'cluster'
  | 'lane'
  | 'lock'
  | 'revocations'
  | 'audit'
  | 'policy'
  | 'certificates'
  | 'secrets'
  | 'vault'
  | 'keys'
  | 'advertising'
  | 'admin'
  | 'workers'
  | 'sidecar'
  | 'process'
  | 'memory'
  | 'queue'
  | 'flush';

export type FaultReport = (place: FaultPlace, error: unknown) => void;

let report: FaultReport = (place, error) => {
  process.stderr.write(`${JSON.stringify({ place, ...described(error) })}\n`);
};

/** Faults of this process go there from now on: a log and a counter. It must not throw. */
export function reportFaultsTo(other: FaultReport): void {
  report = other;
}

/** For whoever catches an error of ours and ends what it belongs to by other means. */
export function reportFault(place: FaultPlace, error: unknown): void {
  report(place, error);
}

/** An error for a log: texts of errors may quote what a client sent, so only the name and the places are logged. */
export function described(error: unknown): { readonly error: string; readonly at: string[] } {
  if (!(error instanceof Error)) return { error: typeof error, at: [] };
  const lines = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return { error: error.name, at: lines.slice(0, 8).map((line) => line.trim()) };
}

function caught(place: FaultPlace, error: unknown, end: (() => void) | undefined): void {
  report(place, error);
  try {
    end?.();
  } catch (another) {
    report(place, another);
  }
}

/**
 * A handler for the event loop. What it throws is reported, and `end` then ends what it belongs to: a
 * session, a connection. Without `end` the next call goes on as if nothing had been.
 */
export function guarded<Args extends readonly unknown[]>(
  place: FaultPlace,
  handler: (...args: Args) => void,
  end?: (...args: Args) => void,
): (...args: Args) => void {
  return (...args) => {
    try {
      handler(...args);
    } catch (error) {
      caught(place, error, () => end?.(...args));
    }
  };
}

/** The same for each of many, so that one that throws does not keep the others from their turn. */
export function guardedEach<Item>(
  place: FaultPlace,
  items: Iterable<Item>,
  handler: (item: Item) => void,
  end?: (item: Item) => void,
): void {
  for (const item of items) {
    try {
      handler(item);
    } catch (error) {
      caught(place, error, () => end?.(item));
    }
  }
}

/** A promise that nobody waits for. */
export function unattended(place: FaultPlace, promise: Promise<unknown>, end?: () => void): void {
  promise.then(undefined, (error: unknown) => caught(place, error, end));
}
