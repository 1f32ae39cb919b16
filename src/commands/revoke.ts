// `cqlgate revoke` ends tokens before they expire, through the admin API of a gate.
import { readFile } from 'node:fs/promises';
import { ConfigFault } from '../errors.ts';
import { OutboundClient } from '../outbound/client.ts';
import type { Revocable } from '../revocation/revocations.ts';
import { EXIT, printJson, type CommandDefinition } from './command.ts';

export const command: CommandDefinition<RevokeOptions> = {
  summary:
    'end tokens before they expire, on all gates of the fleet; by the admin API, as an operator; exit code 1 where refused',
  options: [
    { flags: '--subject <subject>', summary: 'tokens of this subject' },
    { flags: '--pipeline <uuid>', summary: 'tokens of this pipeline' },
    { flags: '--step <uuid>', summary: 'the token of this step' },
    { flags: '--token-sha256 <hex>', summary: 'this token, as records name it' },
    { flags: '--issuer <name>', summary: 'only of this issuer; by itself: all its tokens' },
    { flags: '--reason <text>', summary: 'why, for the record and for who is refused' },
    { flags: '--list', summary: 'print what is revoked' },
    { flags: '--url <url>', summary: 'the admin port', default: 'http://127.0.0.1:9180' },
    {
      flags: '--token-file <file>',
      summary: 'your token; else from the variable CQLGATE_TOKEN',
    },
  ],
  run: async (options, terminal) => {
    printJson(terminal, await revoke(options));
    return EXIT.ok;
  },
};

interface RevokeOptions {
  readonly subject?: string;
  readonly pipeline?: string;
  readonly step?: string;
  readonly tokenSha256?: string;
  readonly issuer?: string;
  readonly reason?: string;
  readonly list?: boolean;
  readonly url: string;
  readonly tokenFile?: string;
}

/** Resolves with the gate's answer. Rejects with ConfigFault where the gate refuses, or the options are not valid. */
async function revoke(options: RevokeOptions): Promise<unknown> {
  const headers = { authorization: `Bearer ${await tokenOf(options)}` };
  const url = `${options.url.replace(/\/+$/, '')}/api/v1/revocations`;
  const client = new OutboundClient();
  try {
    const { status, json } =
      options.list === true
        ? await client.ask(url, { headers })
        : await client.ask(url, { method: 'POST', headers, json: bodyOf(options) });
    if (status === 200 || status === 201) return json;
    const error = (json as { error?: unknown } | null)?.error;
    throw new ConfigFault([
      `the gate answered ${status}: ${typeof error === 'string' ? error : 'no reason was given'}`,
    ]);
  } finally {
    await client.close();
  }
}

async function tokenOf({ tokenFile }: RevokeOptions): Promise<string> {
  const token =
    tokenFile === undefined ? process.env['CQLGATE_TOKEN'] : await readFile(tokenFile, 'utf8');
  if (token === undefined || token.trim() === '') {
    throw new ConfigFault(['give your own token by --token-file or the variable CQLGATE_TOKEN']);
  }
  return token.trim();
}

function bodyOf({ subject, pipeline, step, tokenSha256, issuer, reason }: RevokeOptions) {
  const named: [Revocable, string | undefined][] = [
    ['subject', subject],
    ['pipeline', pipeline],
    ['step', step],
    ['token', tokenSha256],
  ];
  const given = named.filter(([, value]) => value !== undefined);
  if (given.length > 1 || (given.length === 0 && issuer === undefined)) {
    throw new ConfigFault([
      'name one of --subject, --pipeline, --step and --token-sha256, or --issuer alone for all its tokens',
    ]);
  }
  if (reason === undefined) throw new ConfigFault(['say why, by --reason']);
  const [what, value] = given[0] ?? (['issuer', issuer] as const);
  return { what, value, issuer: what === 'issuer' ? null : (issuer ?? null), reason };
}
