// How the heap of a gate grows. Read buffers are not part of V8's heap, but those that live a little longer count towards
// its limit. Once a gate was idle for some seconds, that limit lies just above the 20 MiB in use, and large answers make
// V8 mark the whole heap fifty times a second, which costs three times the CPU and pauses of 20 ms. Where the heap may
// grow by twice what is in use, they cost a scavenge now and then.
import { setFlagsFromString } from 'node:v8';

/** How much garbage may gather before the whole heap is collected, in percent of what is in use; V8 itself goes up to 300. */
const GROWING_PERCENT = 200;

/** Call this before there is load; V8 reads the flag at each collection. */
export function letHeapGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`);
}
