// Loaded into a gate's process before it starts: counts copies of bytes from one buffer to another, of 512 bytes
// and more (headers and records are smaller), whoever in the process makes them. SIGUSR2 prints the count.
import { Buffer } from 'node:buffer';

const LEAST_BYTES = 512;
let copies = 0;

function count(bytes) {
  if (bytes >= LEAST_BYTES) copies++;
}

const { concat, from, copyBytesFrom } = Buffer;
Buffer.concat = (list, total) => {
  for (const one of list) count(one.length);
  return concat(list, total);
};
Buffer.from = (value, ...more) => {
  // A view on an ArrayBuffer is none.
  if (ArrayBuffer.isView(value)) count(value.byteLength);
  return from(value, ...more);
};
Buffer.copyBytesFrom = (view, ...more) => {
  count(view.byteLength);
  return copyBytesFrom(view, ...more);
};

const { copy } = Buffer.prototype;
Buffer.prototype.copy = function (...to) {
  const copied = copy.apply(this, to);
  count(copied);
  return copied;
};
const { set, slice } = Uint8Array.prototype;
Uint8Array.prototype.set = function (source, ...at) {
  count(source.length);
  return set.call(this, source, ...at);
};
Uint8Array.prototype.slice = function (...range) {
  const copied = slice.apply(this, range);
  count(copied.byteLength);
  return copied;
};

let asked = 0;
process.on('SIGUSR2', () => console.log(`copies counted ${++asked}: ${copies}`));
