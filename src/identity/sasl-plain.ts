// SASL PLAIN (RFC 4616) as Cassandra reads it: `[authzid] NUL username NUL password`.
import { isUtf8 } from 'node:buffer';
import { AuthFault } from '../errors.ts';

export interface PlainCredentials {
  readonly username: string;
  readonly password: string;
}

const PARTS = 3;
const HOW = 'Send the role as the username and the OIDC token as the password.';

/** Throws AuthFault; its text never repeats what was sent. */
export function decodePlain(token: Buffer): PlainCredentials {
  if (!isUtf8(token)) throw malformed('is no UTF-8 text');
  // A message of nothing but NULs is not taken apart to its end.
  const parts = token.toString('utf8').split('\0', PARTS + 1);
  if (parts.length < PARTS) throw malformed(`has ${parts.length} parts, not ${PARTS}`);
  if (parts.length > PARTS) throw malformed(`has more than ${PARTS} parts`);
  const [authzid, username, password] = parts as [string, string, string];
  if (username === '') throw malformed('has no username');
  if (password === '') throw new AuthFault('token_missing', `The password is empty. ${HOW}`);
  if (authzid !== '' && authzid !== username) {
    throw new AuthFault(
      'authzid',
      'The SASL authorization id differs from the username; leave it empty. A role is asked for by the username alone.',
    );
  }
  return { username, password };
}

function malformed(what: string): AuthFault {
  return new AuthFault('sasl_malformed', `The SASL PLAIN message ${what}. ${HOW}`);
}
