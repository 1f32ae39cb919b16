// How the heap of a gate grows. Read buffers are no part of V8's heap, but those that live a little longer count
// towards its limit; once a gate was idle for some seconds that limit lies just above the 20 MiB that are in
// use, and large answers then have V8 mark the whole heap fifty times a second: three times the CPU, and pauses
// of 20 ms. With room for twice what is in use they cost a scavenge now and then.
import { setFlagsFromString } from 'node:v8';

/** Garbage that may gather before the whole heap is collected, in percent of what is in use; V8's own goes up to 300. */
const GROWING_PERCENT = 200;

/** To be called before there is load; V8 looks at it at each collection. */
export function letHeapGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`);
}
