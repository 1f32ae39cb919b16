// The SASL exchange.
//
//   AUTHENTICATE    <[string] class name of the authenticator>
//   AUTH_RESPONSE   <[bytes] token>
//   AUTH_CHALLENGE  <[bytes] token>
//   AUTH_SUCCESS    <[bytes] token>, null for PLAIN
import { requestReader, responseReader } from '../body-prefix.ts';
import type { Frame } from '../frame.ts';
import { Writer } from '../writer.ts';

export function encodeAuthenticate(authenticator: string): Buffer {
  return new Writer().writeString(authenticator).toBuffer();
}

export function decodeAuthenticate(frame: Frame): string {
  return responseReader(frame).readString('authenticator');
}

/** The token as a view on the frame; null where the client sent none. */
export function decodeAuthResponse(frame: Frame): Buffer | null {
  const reader = requestReader(frame);
  const token = reader.readBytes('SASL token');
  reader.expectEnd('AUTH_RESPONSE');
  return token;
}

export function encodeToken(token: Buffer | null): Buffer {
  return new Writer().writeBytes(token).toBuffer();
}
