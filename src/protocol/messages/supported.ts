// SUPPORTED, the answer to OPTIONS (whose body is empty): <[string multimap] options>.
import { requestReader, responseReader } from '../body-prefix.ts';
import type { Frame } from '../frame.ts';
import { Writer } from '../writer.ts';

export function checkOptions(frame: Frame): void {
  requestReader(frame).expectEnd('OPTIONS');
}

export function decodeSupported(frame: Frame): Map<string, string[]> {
  return responseReader(frame).readStringMultimap('SUPPORTED options');
}

export function encodeSupported(options: ReadonlyMap<string, readonly string[]>): Buffer {
  return new Writer().writeStringMultimap(options).toBuffer();
}
