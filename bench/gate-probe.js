// Loaded into a measured gate: SIGUSR2 prints what was allocated on its heap since the signal before, and
// how many buffers it copied in all (of 512 bytes and more).
import '../test/support/count-copies.js';
import { GCProfiler } from 'node:v8';

let profiler = new GCProfiler();
profiler.start();
let leftBytes = process.memoryUsage().heapUsed;

process.on('SIGUSR2', () => {
  const nowBytes = process.memoryUsage().heapUsed;
  let allocatedBytes = 0;
  // Between two collections the heap grows by what is allocated, and by nothing else.
  for (const { beforeGC, afterGC } of profiler.stop().statistics) {
    allocatedBytes += beforeGC.heapStatistics.usedHeapSize - leftBytes;
    leftBytes = afterGC.heapStatistics.usedHeapSize;
  }
  console.log(`allocated: ${allocatedBytes + nowBytes - leftBytes}`);
  leftBytes = process.memoryUsage().heapUsed;
  profiler = new GCProfiler();
  profiler.start();
});
