// SASL PLAIN (RFC 4616) as Cassandra reads it: `[authzid] NUL username NUL password`.
import { isUtf8 } from 'node:buffer';
import { AuthFault } from '../errors.ts';

export interface PlainCredentials {
  readonly username: string;
  readonly password: string;
}

const HOW = 'Send the role as the username and the OIDC token as the password.';

/** Throws AuthFault; its text never repeats what was sent. */
export function decodePlain(token: Buffer): PlainCredentials {
  if (!isUtf8(token)) throw malformed('is no UTF-8 text');
  const parts = token.toString('utf8').split('\0');
  if (parts.length !== 3) throw malformed(`has ${parts.length} parts, not 3`);
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
