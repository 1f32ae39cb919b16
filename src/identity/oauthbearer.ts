// SASL OAUTHBEARER (RFC 7628): `n,[a=<authzid>,] ^A key=value ^A ... ^A ^A`, the token in `auth`. Taken
// from clients that open with it; one that opens with PLAIN never sees a challenge.
import { isUtf8 } from 'node:buffer';
import { AuthFault } from '../errors.ts';
import { MESSAGES } from '../limits/session.ts';

export interface BearerCredentials {
  /** The authzid, which asks for a role; null where it is left out. */
  readonly role: string | null;
  readonly token: string;
}

const SEPARATOR = '\u0001';
const HOW = 'Send `n,a=<role>,^Aauth=Bearer <OIDC token>^A^A`.';

/**
 * Whether an initial response is OAUTHBEARER's: a GS2 header and its separator, and none of the
 * NULs that PLAIN has.
 */
export function isOAuthBearer(token: Buffer): boolean {
  return /^[nyp][,=]/.test(token.subarray(0, 2).toString('latin1')) && !token.includes(0);
}

/** Throws AuthFault; its text never repeats what was sent. */
export function decodeOAuthBearer(message: Buffer): BearerCredentials {
  if (!isUtf8(message)) throw malformed('is no UTF-8 text');
  const most = MESSAGES.bearerPairs;
  // The header, the pairs and the two empty ends; one more shows that there are too many.
  const [header = '', ...pairs] = message.toString('utf8').split(SEPARATOR, most + 4);
  if (pairs.length > most + 2) throw malformed(`has more than ${most} pairs`);
  const gs2 = /^([nyp](?:=[^,]*)?),(?:a=([^,]*))?,$/.exec(header);
  if (gs2 === null) throw malformed('has no GS2 header');
  if (gs2[1]!.startsWith('p')) throw malformed('asks for channel binding, which is not offered');
  if (pairs.length < 2 || pairs.at(-1) !== '' || pairs.at(-2) !== '') {
    throw malformed('does not end as it must');
  }
  const auth = pairs.filter((pair) => pair.startsWith('auth='));
  const token = /^auth=bearer +([\w\-.~+/]+=*)$/i.exec(auth[0] ?? '')?.[1];
  if (auth.length !== 1 || token === undefined) throw malformed('has no bearer token');
  return { role: gs2[2] === undefined ? null : saslName(gs2[2]), token };
}

/** What a client that opened with OAUTHBEARER reads first; it answers with ^A, then it is refused. */
export function bearerChallenge(issuer: string | null): Buffer {
  const discovery =
    issuer === null ? {} : { 'openid-configuration': `${issuer}/.well-known/openid-configuration` };
  return Buffer.from(JSON.stringify({ status: 'invalid_token', ...discovery }));
}

/** `,` and `=` are written `=2C` and `=3D` (RFC 5801). */
function saslName(text: string): string {
  if (/=(?!2C|3D)/.test(text) || text === '') throw malformed('has a malformed authzid');
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

function malformed(what: string): AuthFault {
  return new AuthFault('sasl_malformed', `The SASL OAUTHBEARER message ${what}. ${HOW}`);
}
