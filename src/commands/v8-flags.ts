// How V8 runs a gate, where its defaults are meant for other programs.
import { setFlagsFromString } from 'node:v8';

const FLAGS = {
  /**
   * How much garbage may gather before the whole heap is collected, in percent of what is in use; V8 itself goes up to
   * 300. Read buffers are not part of V8's heap, but those that live a little longer count towards its limit. Once a gate
   * was idle for some seconds, that limit lies just above the 20 MiB in use, and large answers make V8 mark the whole
   * heap fifty times a second, which costs three times the CPU and pauses of 20 ms. Where the heap may grow by twice
   * what is in use, they cost a scavenge now and then.
   */
  'heap-growing-percent': 200,
  /**
   * How much bytecode a function may take in from those that it calls; V8's own bound is 920. A request passes through
   * some thirty small functions, each in the file that it belongs to: where they are not inlined, calling them costs a
   * tenth of the request.
   */
  'max-inlined-bytecode-size-cumulative': 3_000,
} as const;

/** Call this before there is load: V8 reads these flags at each collection, and when it compiles what runs often. */
export function setV8Flags(): void {
  for (const [flag, value] of Object.entries(FLAGS)) setFlagsFromString(`--${flag}=${value}`);
}
