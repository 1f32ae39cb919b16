// Loaded into a measured gate: SIGUSR2 prints how late the turns of its event loop were since the signal before.
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The delays that are measured lie on top of the timer's own period. */
const RESOLUTION_MS = 1;
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();
const ms = (ns) => Math.max(0, ns / 1e6 - RESOLUTION_MS);

process.on('SIGUSR2', () => {
  const told = {
    p50Ms: ms(delays.percentile(50)),
    p999Ms: ms(delays.percentile(99.9)),
    maxMs: ms(delays.max),
  };
  delays.reset();
  console.log(`loop-delay: ${JSON.stringify(told)}`);
});
