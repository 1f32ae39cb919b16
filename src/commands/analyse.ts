// `cqlgate analyse --lines`: one JSON string (a CQL text) per line in, one JSON object per line out.
import type { Readable, Writable } from 'node:stream';
import { analyse, isStatement } from '../cql/analyse.ts';
import { quoteIfNeeded } from '../cql/quote.ts';
import { formatNeed } from '../cql/resource.ts';
import { linesOf } from '../lines.ts';
import { EXIT, KEYSPACE_OPTION, type CommandDefinition } from './command.ts';

export const command: CommandDefinition<{ readonly keyspace?: string }> = {
  summary:
    'say what CQL texts touch and need; one JSON string per line in, one answer per line out',
  options: [
    {
      flags: '--lines',
      summary: 'read JSON strings from standard input, one per line',
      isRequired: true,
    },
    KEYSPACE_OPTION,
  ],
  run: async ({ keyspace }, { input, output }) => {
    await analyseLines(input, output, keyspace ?? null);
    return EXIT.ok;
  },
};

type Analysis =
  | {
      readonly ok: true;
      readonly kind: string;
      readonly lwt: boolean;
      readonly needs: readonly string[];
      readonly tables: readonly string[];
      readonly functions: readonly string[];
      readonly types: readonly string[];
    }
  | { readonly ok: false; readonly reason: string };

function analysis(text: string, keyspace: string | null): Analysis {
  const found = analyse(text, keyspace);
  if (!isStatement(found)) return { ok: false, reason: found.reason };
  const named = (scope: string, name: string): string =>
    `${quoteIfNeeded(scope)}.${quoteIfNeeded(name)}`;
  return {
    ok: true,
    kind: found.kind,
    lwt: found.lwt,
    needs: unique(found.needs.map(formatNeed)),
    tables: unique(found.tables.map(({ keyspace: scope, table }) => named(scope, table))),
    functions: unique(found.functions.map(({ keyspace: scope, name }) => named(scope, name))),
    types: unique(found.types.map(({ keyspace: scope, name }) => named(scope, name))),
  };
}

async function analyseLines(
  input: Readable,
  output: Writable,
  keyspace: string | null,
): Promise<void> {
  for await (const { line } of linesOf(input)) {
    if (line.trim() === '') continue;
    const answer = analysisOfLine(line, keyspace);
    if (!output.write(`${JSON.stringify(answer)}\n`)) {
      await new Promise((resolve) => output.once('drain', resolve));
    }
  }
}

function analysisOfLine(line: string, keyspace: string | null): Analysis {
  let text: unknown;
  try {
    text = JSON.parse(line);
  } catch {
    text = undefined;
  }
  if (typeof text !== 'string') {
    return { ok: false, reason: 'this line is no JSON string; write each CQL text as one' };
  }
  return analysis(text, keyspace);
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
