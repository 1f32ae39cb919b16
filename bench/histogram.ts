// Latencies in logarithmic buckets with 1,024 steps each: constant memory, within 0.1 %.

const STEPS_BITS = 10;
const STEPS = 1 << STEPS_BITS;
/** Up to 2^31 us, 35 minutes. */
const BUCKETS = (32 - STEPS_BITS) * STEPS;

export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  record(latencyUs: number): void {
    const value = Math.max(0, Math.round(latencyUs)) | 0;
    this.#counts[bucketOf(value)]!++;
    this.#total++;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  /** Microseconds within which the given share (0 to 1) of all requests was answered. */
  quantileUs(share: number): number {
    const wanted = Math.max(1, Math.ceil(this.#total * share));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen >= wanted) return upperBoundUs(bucket);
    }
    return 0;
  }
}

/** Below 1,024 us a bucket is one microsecond; above, the top ten bits below the leading one. */
function bucketOf(value: number): number {
  if (value < STEPS) return value;
  const shift = 31 - Math.clz32(value) - STEPS_BITS;
  return (shift + 1) * STEPS + ((value >>> shift) - STEPS);
}

function upperBoundUs(bucket: number): number {
  if (bucket < STEPS) return bucket;
  const shift = Math.floor(bucket / STEPS) - 1;
  return ((bucket % STEPS) + STEPS + 1) * 2 ** shift - 1;
}
