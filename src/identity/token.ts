// A token as it is written: its parts, its header, and its claims before and after the signature is checked. Every
// form that is not understood, or that would bring a key along, is refused.
import { createHash } from 'node:crypto';
import { compactVerify, decodeProtectedHeader, errors, type CryptoKey } from 'jose';
import { AuthFault } from '../errors.ts';
import type { Principal } from './principal.ts';

type Claims = Principal['claims'];

/** Header parameters that bring a key along, or ask for one from elsewhere. */
const KEY_IN_HEADER = ['jwk', 'jku', 'x5u', 'x5c'];

export function headerOf(token: string): { algorithm: string; kid: string } {
  let header: ReturnType<typeof decodeProtectedHeader>;
  try {
    header = decodeProtectedHeader(token);
  } catch {
    throw malformed();
  }
  const { alg, kid, crit } = header;
  if (crit !== undefined) {
    throw new AuthFault(
      'crit',
      'The token has header extensions (crit) that cqlgate does not know.',
    );
  }
  if (KEY_IN_HEADER.some((parameter) => parameter in header)) {
    throw new AuthFault(
      'key_in_header',
      'The token brings its own key; only keys that the issuer publishes are believed.',
    );
  }
  if (typeof alg !== 'string' || typeof kid !== 'string' || kid === '') {
    throw new AuthFault('no_key_id', 'The token names no key (kid) or no algorithm.');
  }
  return { algorithm: alg, kid };
}

/** The claims before any check. They serve to find the issuer, and for nothing else. */
export function claimsOf(token: string): Claims {
  const parts = token.split('.');
  if (parts.length !== 3) throw malformed();
  return parseClaims(Buffer.from(parts[1]!, 'base64url'));
}

function parseClaims(payload: Uint8Array): Claims {
  let claims: unknown;
  try {
    claims = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    throw malformed();
  }
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) throw malformed();
  return claims as Claims;
}

/** The claims, once the signature has been checked. Rejects with AuthFault. */
export async function signedClaims(
  token: string,
  key: CryptoKey,
  algorithm: string,
): Promise<Claims> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
    return parseClaims(payload);
  } catch (error) {
    if (error instanceof AuthFault) throw error;
    const text = 'The signature of the token is not right; it was changed or is not of its issuer.';
    if (error instanceof errors.JOSEError) throw new AuthFault('signature', text);
    throw error;
  }
}

function malformed(): AuthFault {
  return new AuthFault(
    'token_malformed',
    'The password is no OIDC token (three parts with dots between). Send the token alone, without quotes or line ends.',
  );
}

/** Stands for the token in records and caches. */
export function sha256(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
