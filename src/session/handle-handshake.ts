// OPTIONS, STARTUP, AUTH_RESPONSE and REGISTER: from an unknown connection to a session with a
// principal. SASL ends here: what the client sent goes no further, and into no text.
import { msBetween, wallMs } from '../clock.ts';
import { AuthFault } from '../errors.ts';
import type { Turn } from '../fair-queue.ts';
import { bearerChallenge, decodeOAuthBearer, isOAuthBearer } from '../identity/oauthbearer.ts';
import { decodePlain, type PlainCredentials } from '../identity/sasl-plain.ts';
import type { Principal } from '../identity/principal.ts';
import type { Share } from '../audit/room.ts';
import { LEDGER } from '../limits/audit.ts';
import { TURN } from '../limits/session.ts';
import { VCS } from '../limits/services.ts';
import { turnWork } from '../turn.ts';
import { ANY_ROLE, isAuthority, type Authority } from '../policy/policy.ts';
import { COMPRESSIONS, type BodyCompression } from '../protocol/compression.ts';
import type { Frame } from '../protocol/frame.ts';
import { decodeAuthResponse } from '../protocol/messages/auth.ts';
import type { EventType } from '../protocol/messages/event.ts';
import { decodeRegister } from '../protocol/messages/register.ts';
import { decodeStartup } from '../protocol/messages/startup.ts';
import { checkOptions } from '../protocol/messages/supported.ts';
import { hasBodyCompression } from '../protocol/versions.ts';
import type { LookUp, VcsFacts } from '../vcs/facts.ts';
import { UNRECORDABLE } from './audit-room.ts';
import type { Gate } from './gate.ts';
import {
  close,
  reply,
  wait,
  type Close,
  type Handled,
  type Reply,
  type Waiting,
} from './outcome.ts';
import { replies, type To } from './replies.ts';
import { revokedText } from './session-identity.ts';

/** What a login leads to, at once or after a wait. */
type LoginStep = Reply | Close | LoginWait;

interface LoginWait extends Waiting {
  readonly outcome: Promise<LoginStep>;
}

/** A session, as its beginning changes it. */
export interface LoginSession {
  readonly id: string;
  readonly gate: Gate;
  /** Why no token is taken over its socket; null where one is. */
  readonly plaintextProblem: string | null;
  /** The client's address: what its failures are counted by. */
  readonly source: string;
  readonly turn: Turn;
  /** Why a login by OAUTHBEARER failed, between its challenge and the client's last word. */
  refusal: AuthFault | null;
  started(
    version: number,
    options: ReadonlyMap<string, string>,
    compression: BodyCompression | null,
  ): void;
  /** `facts` are given where the login itself needed them. */
  loggedIn(authority: Authority, facts: VcsFacts | null): void;
  loginFailed(reason: AuthFault['reason']): void;
  /** How long the answer to a failed login waits. */
  failureDelayMs(): number;
  register(events: readonly EventType[]): void;
}

export function handleOptions(session: LoginSession, frame: Frame): Handled {
  checkOptions(frame);
  turnWork.add(TURN.options);
  const { cluster } = session.gate;
  return reply(replies.supported(toOf(frame), cluster.control.target.cqlVersion, cluster.versions));
}

export function handleStartup(session: LoginSession, frame: Frame): Handled {
  const options = decodeStartup(frame);
  const to = toOf(frame);
  if (!options.has('CQL_VERSION')) {
    return close(
      replies.protocolError(to, 'Missing value CQL_VERSION in STARTUP message'),
      'bad startup',
    );
  }
  const compression = compressionOf(options, frame.version);
  if (typeof compression === 'string') {
    return close(replies.protocolError(to, compression), 'bad startup');
  }
  if (session.plaintextProblem !== null) {
    // Before AUTHENTICATE invites the token; and never 0x000A, which gocql takes for a downgrade.
    return close(replies.authError(to, session.plaintextProblem), 'plaintext');
  }
  session.started(frame.version, options, compression);
  return reply(replies.authenticate(to));
}

/** What the client asked for, null for none, or why it can't be had. */
function compressionOf(
  options: ReadonlyMap<string, string>,
  version: number,
): BodyCompression | null | string {
  const wanted = options.get('COMPRESSION') ?? '';
  if (wanted === '') return null;
  const compression = COMPRESSIONS.get(wanted.toLowerCase());
  if (compression === undefined) return `Unknown compression algorithm: ${wanted.slice(0, 64)}`;
  if (hasBodyCompression(version) || compression.name === 'lz4') return compression;
  return `${compression.name} compression is not supported in protocol V${version}; ask for lz4`;
}

export function handleAuthResponse(session: LoginSession, frame: Frame): Handled {
  turnWork.add(TURN.login);
  const to = toOf(frame);
  // The answer to the challenge that told a client of OAUTHBEARER why: only now comes the error.
  if (session.refusal !== null) return refused(to, session.refusal);
  const message = decodeAuthResponse(frame) ?? Buffer.alloc(0);
  const bearer = isOAuthBearer(message);
  try {
    const { username, password } = bearer ? credentialsOf(message) : decodePlain(message);
    // A driver's tenth connection: no signature is checked again, nothing has to wait.
    const { verifier } = session.gate;
    const known = verifier.verifyCached(password) ?? verifier.recall(password);
    if (known !== null && !session.gate.policy.asksForTarget(known, username)) {
      return orRefuse(session, to, logIn(session, to, known, username, null), bearer);
    }
    return wait(verify(session, to, username, password, bearer), true);
  } catch (error) {
    return wait(refuse(session, to, error, bearer), true);
  }
}

function credentialsOf(message: Buffer): PlainCredentials {
  const { role, token } = decodeOAuthBearer(message);
  return { username: role ?? ANY_ROLE, password: token };
}

async function verify(
  session: LoginSession,
  to: To,
  username: string,
  password: string,
  bearer: boolean,
): Promise<LoginStep> {
  try {
    const { gate } = session;
    const principal = await gate.verifier.verifyOrRecall(password, session.source);
    const lookUp = gate.policy.asksForTarget(principal, username)
      ? await gate.commits.lookUp(principal, VCS.loginWaitMs, session.turn)
      : null;
    return orRefuse(session, to, logIn(session, to, principal, username, lookUp), bearer);
  } catch (error) {
    return refuse(session, to, error, bearer);
  }
}

/**
 * Throws AuthFault when no role is bound to the token. Where what the pipeline runs for could not be
 * found out, bindings that ask for it do not match, and the others decide.
 */
function logIn(
  session: LoginSession,
  to: To,
  token: Principal,
  wantedRole: string,
  lookUp: LookUp | null,
  hasRoom = false,
): LoginStep {
  const facts = lookUp !== null && 'facts' in lookUp ? lookUp.facts : null;
  const principal = facts === null ? token : { ...token, pipelineTarget: facts.target };
  const authority = session.gate.policy.authorize(principal, wantedRole);
  if (!isAuthority(authority)) {
    if (lookUp === null || 'facts' in lookUp) {
      throw new AuthFault(authority.reason, authority.message);
    }
    throw new AuthFault(
      'pipeline_unknown',
      `A role of this token depends on what its pipeline runs for, and that is not known: ${lookUp.problem.reason}. Try again, and tell the operators of cqlgate if it lasts.`,
    );
  }
  checkToken(session, authority);
  const { room } = session.gate.audit;
  const share = room.share(authority.role.name);
  if (!hasRoom && !room.keep(share, LEDGER.entryBytes, false)) {
    return wait(
      roomForLogin(session, share).then((isKept) => {
        if (!isKept) return unrecordable(session, to);
        try {
          // Decided anew: policy, expiry and revocations may have changed.
          return logIn(session, to, token, wantedRole, lookUp, true);
        } finally {
          room.give(share, LEDGER.entryBytes);
        }
      }),
      true,
    );
  }
  session.loggedIn(authority, facts);
  if (!hasRoom) room.give(share, LEDGER.entryBytes);
  return reply(replies.authSuccess(to));
}

/** What a login that had to wait for the ledger ends with where it fails then. */
function orRefuse(session: LoginSession, to: To, outcome: LoginStep, bearer: boolean): LoginStep {
  if (outcome.type !== 'wait') return outcome;
  const settled = outcome.outcome.catch(async (error: unknown) =>
    refuse(session, to, error, bearer),
  );
  return { ...outcome, outcome: settled };
}

/** A login is on record, or is none. */
async function roomForLogin({ gate }: LoginSession, share: Share): Promise<boolean> {
  gate.metrics.counter('audit_waits_total').value++;
  return gate.audit.room.keepWithin(share, LEDGER.entryBytes, false, gate.limits.auditWaitMs);
}

/** No fault of its client: it is neither slowed nor counted as a failure. */
function unrecordable({ gate }: LoginSession, to: To): LoginStep {
  gate.metrics.counter('audit_refusals_total', 'login').value++;
  return close(replies.authError(to, UNRECORDABLE), 'audit_unwritable');
}

/** Throws AuthFault for a token that was revoked, or expired beyond the grace of its role. */
function checkToken({ gate }: LoginSession, { principal, role }: Authority): void {
  const revocation = gate.revocations.find(principal);
  if (revocation !== null) throw new AuthFault('revoked', revokedText(revocation));
  const agoMs = msBetween(principal.expiresAtMs, wallMs());
  if (agoMs < role.session.graceMs) return;
  const minutes = Math.round(agoMs / 60_000);
  throw new AuthFault(
    'token_expired',
    `The token expired ${minutes} min ago. ${gate.verifier.renewalFor(principal)}`,
  );
}

/** A failing source is slowed, never banned: behind NAT all jobs of a company are one source. */
async function refuse(
  session: LoginSession,
  to: To,
  error: unknown,
  bearer: boolean,
): Promise<LoginStep> {
  const fault =
    error instanceof AuthFault
      ? error
      : new AuthFault('internal', 'cqlgate could not check the token; tell its operators');
  if (!(error instanceof AuthFault)) {
    session.gate.log.error({ session: session.id, err: error }, 'token check failed');
  }
  if (session.gate.refusals.mustWaitForLogin(session.source)) {
    const { strangers } = session.gate.refusals;
    if (!(await roomForLogin(session, strangers))) return unrecordable(session, to);
    session.gate.audit.room.give(strangers, LEDGER.entryBytes);
  }
  session.loginFailed(fault.reason);
  const delayMs = session.failureDelayMs();
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  if (!bearer) return refused(to, fault);
  session.refusal = fault;
  return reply(replies.authChallenge(to, bearerChallenge(session.gate.verifier.onlyIssuer)));
}

function refused(to: To, fault: AuthFault): LoginStep {
  return close(replies.authError(to, fault.message), fault.reason);
}

export function handleRegister(session: LoginSession, frame: Frame): Handled {
  session.register(decodeRegister(frame));
  return reply(replies.ready(toOf(frame)));
}

function toOf(frame: Frame): To {
  return { version: frame.version, streamId: frame.streamId };
}
