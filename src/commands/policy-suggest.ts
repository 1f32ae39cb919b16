// `cqlgate policy suggest` reads a ledger and proposes the least grants for what was done. With it a team can give up a
// shared password: it begins with one wide role, and then gives each binding what that really uses.
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { later, wallMs, type WallMs } from '../clock.ts';
import { parseLine } from '../audit/chain.ts';
import { ledgerFiles, ledgerFolders } from '../audit/ledger-files.ts';
import type { AuditEntry } from '../audit/record.ts';
import { verifyLedgers } from '../audit/verify.ts';
import { durationMs, durationPattern } from '../config/duration.ts';
import { ConfigFault } from '../errors.ts';
import { LEDGER } from '../limits/audit.ts';
import { linesOf } from '../lines.ts';
import type { RoleDocument } from '../policy/role.ts';
import {
  gather,
  suggestions,
  unusedGrants,
  type Gathering,
  type Suggestion,
  type Use,
} from '../provision/suggest.ts';
import { timeOfText } from '../wall-clock.ts';
import {
  CONFIG_OPTION,
  EXIT,
  JSON_OPTION,
  print,
  printJson,
  type CommandDefinition,
} from './command.ts';
import { configuredPolicy } from './configured-policy.ts';

interface SuggestFlags extends SuggestOptions {
  readonly config: string;
  readonly unused?: boolean;
  readonly json?: boolean;
}

export const command: CommandDefinition<SuggestFlags> = {
  summary: 'the least grants for what a ledger says was done, as YAML for the policy',
  options: [
    { flags: '--dir <dir>', summary: 'the directory of the ledger', isRequired: true },
    { flags: '--role <name>', summary: 'one role of the policy only' },
    { flags: '--since <duration>', summary: 'leave out what is older, as in 30d' },
    {
      flags: '--by <what>',
      summary: 'a list for each role or for each binding',
      default: 'role',
    },
    { flags: '--unused', summary: "list the present policy's grants that nothing used too" },
    CONFIG_OPTION,
    JSON_OPTION,
  ],
  run: async (options, terminal) => {
    const roles = options.unused === true ? (await configuredPolicy(options.config)).roles : null;
    const found = await suggest(options, roles);
    if (options.json === true) printJson(terminal, found);
    else print(terminal, suggestedYaml(found));
    return EXIT.ok;
  },
};

interface SuggestOptions {
  readonly dir: string;
  readonly role?: string;
  /** Records older than this duration (`30d`) are left out. */
  readonly since?: string;
  readonly by?: string;
}

interface Suggested {
  readonly suggestions: readonly Suggestion[];
  /** The unused grants of each role of the policy; null where no policy was given. */
  readonly unused: Readonly<Record<string, readonly string[]>> | null;
}

/** `roles` are those of the present policy, whose unused grants are listed too. Rejects with ConfigFault. */
async function suggest(
  options: SuggestOptions,
  roles: readonly RoleDocument[] | null,
  nowMs = wallMs(),
): Promise<Suggested> {
  const { dir, role, since, by = 'role' } = options;
  if (by !== 'role' && by !== 'binding') {
    throw new ConfigFault([`--by is role or binding, not ${by}`]);
  }
  if (since !== undefined && !durationPattern.test(since)) {
    throw new ConfigFault([`--since is a number with ms, s, m, h or d, as in 30d; not ${since}`]);
  }
  const fromMs = since === undefined ? null : later(nowMs, -durationMs(since));
  // Whoever could change the records would choose the grants.
  const { result, records, findings } = await verifyLedgers(dir).catch((error: unknown) => {
    throw new ConfigFault([`${dir} cannot be read: ${String(error)}`]);
  });
  if (result === 'tampered') {
    const first = findings[0];
    throw new ConfigFault([
      `the ledger's chain does not hold (${first?.file}:${first?.line}: ${first?.problem}); see cqlgate audit verify`,
    ]);
  }
  if (records === 0) throw new ConfigFault([`there is no ledger in ${dir}`]);
  const gathering: Gathering = new Map();
  for await (const line of recordLines(dir)) {
    const parsed = parseLine(line);
    if (parsed === null || isBefore(parsed.time, fromMs)) continue;
    const use = useOf(parsed.record as unknown as AuditEntry, by);
    if (use !== null && (role === undefined || use.role === role)) gather(gathering, use);
  }
  const asked = roles?.filter((one) => role === undefined || one.name === role) ?? null;
  return {
    suggestions: suggestions(gathering),
    unused:
      asked === null
        ? null
        : Object.fromEntries(asked.map((one) => [one.name, unusedGrants(one, gathering)])),
  };
}

/** A record whose time cannot be read is not left out. */
function isBefore(time: unknown, fromMs: WallMs | null): boolean {
  const atMs = timeOfText(time);
  return fromMs !== null && atMs !== null && atMs < fromMs;
}

/** The lines of all chains, one chain after the other. */
async function* recordLines(dir: string): AsyncGenerator<string> {
  for (const folder of await ledgerFolders(dir)) {
    for (const file of await ledgerFiles(folder)) {
      const stream = createReadStream(path.join(folder, file));
      for await (const { line } of linesOf(stream, LEDGER.lineBytes)) yield line;
    }
  }
}

/** Returns null for records of no statement, and for outcomes, whose decision was counted already. */
function useOf(record: AuditEntry, by: 'role' | 'binding'): Use | null {
  const { kind, role, binding, statement, decision, count } = record;
  if (kind !== 'decision' && kind !== 'activity') return null;
  const isPermitted = decision?.result !== 'deny';
  if (typeof role !== 'string' || decision === undefined) return null;
  // Refusals past a session's limit are counted only, without the statement.
  if (statement === undefined && isPermitted) return null;
  return {
    by: by === 'role' ? role : (binding ?? '(no binding)'),
    role,
    kind: statement?.kind ?? null,
    keyspace: statement?.keyspace ?? null,
    needs: statement?.needs ?? null,
    isPermitted,
    missing: decision.missing,
    reason: decision.reason,
    count: count ?? 1,
  };
}

/** Renders YAML for the policy; whatever is no grant stands in comments. */
function suggestedYaml({ suggestions: found, unused }: Suggested): string {
  const lines = found.flatMap((one) => [
    comment(`${one.by}: ${one.statements} statements, as ${one.roles.join(', ')}`),
    ...yamlOf(one),
    ...one.alternatives.map((text) => comment(`  or wider: ${text}`)),
    ...one.refused.map(({ what, count }) => comment(`  was refused: ${what} (${count})`)),
    ...one.notes.map((text) => comment(`  ${text}`)),
    '',
  ]);
  for (const [role, texts] of Object.entries(unused ?? {})) {
    lines.push(...texts.map((text) => comment(`unused in ${role}: ${text}`)));
  }
  return lines.join('\n').trimEnd();
}

function yamlOf({ by, grants, capabilities }: Suggestion): string[] {
  const role = { grants, ...(capabilities.length === 0 ? {} : { capabilities }) };
  return stringify({ [by]: role }, { lineWidth: 0 })
    .trimEnd()
    .split('\n');
}

/** Names come from the ledger and the policy: a line end in one must not end the comment. */
function comment(text: string): string {
  return `# ${text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')}`;
}
