// What the claims of a token with a good signature must say before its holder is let in.
import { epochMs, later, msBetween, type WallMs } from '../clock.ts';
import { AuthFault } from '../errors.ts';
import { TOKENS } from '../limits/identity.ts';
import { timeOf } from '../wall-clock.ts';
import { normalizeUuid } from './claims.ts';
import type { Issuer } from './issuers.ts';
import type { ClaimValue, Principal } from './principal.ts';

/**
 * Returns when the token ends. Throws AuthFault. A token that expired less than `graceMs` ago is still taken: whether
 * that is forgiven is decided by its role.
 */
export function checkClaims(
  claims: Principal['claims'],
  issuer: Issuer,
  nowMs: WallMs,
  graceMs: number,
): WallMs {
  if (claims['iss'] !== issuer.issuer) {
    throw new AuthFault('issuer_unknown', 'The issuer of this token changed under way.');
  }
  const { exp, nbf, iat, aud, sub } = claims;
  if (typeof exp !== 'number') {
    throw new AuthFault(
      'no_expiry',
      'The token has no expiry; cqlgate takes only tokens that end.',
    );
  }
  // One from before 1970 ended long ago, whenever that was.
  const expiresAtMs = timeOf(Math.max(0, exp), 1000);
  if (expiresAtMs === null || isNoTime(nbf) || isNoTime(iat)) {
    throw new AuthFault(
      'time_out_of_range',
      'A time in the token (exp, nbf or iat) is not a date between 1970 and 9999, in seconds since the epoch. Check how the issuer sets them.',
    );
  }
  if (later(expiresAtMs, graceMs) <= nowMs) {
    const minutes = Math.round(msBetween(expiresAtMs, nowMs) / 60_000);
    throw new AuthFault('token_expired', `The token expired ${minutes} min ago. ${issuer.renewal}`);
  }
  const latestMs = later(nowMs, TOKENS.clockSkewMs);
  if (isLater(nbf, latestMs) || isLater(iat, latestMs)) {
    throw new AuthFault(
      'not_yet_valid',
      'The token is not valid yet; check the clocks of issuer, client and cqlgate.',
    );
  }
  const audiences = Array.isArray(aud) ? aud : [aud];
  if (!audiences.some((one) => typeof one === 'string' && issuer.audiences.includes(one))) {
    throw new AuthFault(
      'audience',
      `The token is not meant for this gate: its audience must contain ${issuer.audiences.join(' or ')}. Set it where the token is asked for (Bitbucket: oidc.audiences of the step).`,
    );
  }
  if (typeof sub !== 'string' || sub === '') {
    throw new AuthFault('no_subject', 'The token names no subject.');
  }
  for (const [claim, value] of Object.entries(issuer.pinned)) {
    const found = claims[claim];
    if (typeof found !== 'string' || normalizeUuid(found) !== normalizeUuid(value)) {
      throw new AuthFault('pinned_claim', `The token's ${claim} is not the one configured here.`);
    }
  }
  return expiresAtMs;
}

/** A number that is no date; what is no number at all is refused as a time that lies ahead. */
function isNoTime(claim: ClaimValue | undefined): boolean {
  return typeof claim === 'number' && timeOf(claim, 1000) === null;
}

function isLater(claim: ClaimValue | undefined, latestMs: WallMs): boolean {
  return claim !== undefined && (typeof claim !== 'number' || claim * 1000 > epochMs(latestMs));
}
