// A thread for large bodies: what it makes is new memory, which alone takes milliseconds for megabytes, and goes to
// the gate without a copy. Plain JavaScript, so that it runs from the sources as it does when built.
import os from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';

// Only on Linux is this of the calling thread alone; elsewhere it would slow the whole gate down.
if (process.platform === 'linux') {
  try {
    os.setPriority(workerData.niceness);
  } catch {
    // A sandbox may forbid it; bodies are decompressed all the same.
  }
}

/** @param {string} name */
async function packageOf(name) {
  try {
    return (await import(name)).default;
  } catch {
    return null;
  }
}

const snappy = await packageOf('snappy');
const lz4 = await packageOf('lz4');

const LZ4_LENGTH_BYTES = 4;

/** By name; each fills `output`, and tells whether the body was a block of that length. */
const DECOMPRESS = {
  snappy: (body, output) => {
    const plain = snappy.uncompressSync(body, { copyOutputData: true });
    return plain.length === output.length && plain.copy(output) === output.length;
  },
  lz4: (body, output) => lz4.decodeBlock(body.subarray(LZ4_LENGTH_BYTES), output) === output.length,
};

parentPort.on('message', ({ name, body, headBytes, bodyBytes }) => {
  // Zeroed: an LZ4 block may copy from what it has not written yet.
  const bytes = new Uint8Array(headBytes + bodyBytes);
  let isWhole = false;
  try {
    isWhole = DECOMPRESS[name](Buffer.from(body), Buffer.from(bytes.buffer, headBytes, bodyBytes));
  } catch {
    // No block at all.
  }
  if (isWhole) parentPort.postMessage(bytes.buffer, [bytes.buffer]);
  else parentPort.postMessage(null);
});
