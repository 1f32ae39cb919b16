// `npm run demo`: a real Cassandra, a local OIDC issuer and the gate on this machine; a sample
// pipeline through them; its audit trail; then lines to paste for other clients.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { missingForCassandra } from '../../test/support/java.ts';
import { auditTrail } from './audit-trail.ts';
import { pasteLines } from './paste-lines.ts';
import { runPipeline } from './pipeline.ts';
import { Stage } from './stage.ts';

const USAGE = `npm run demo -- [--once] [--contact-point HOST:PORT [--username NAME]]

  --once             end after the pipeline, with exit code 0
  --contact-point    use this cluster instead of starting one; its password is taken from
                     CASSANDRA_PASSWORD. Keyspace cqlgate_demo is made there.
  --username         login for that cluster (default: cassandra)`;

/** A token lasts an hour; the file that pasted lines read it from always has one with half of it left. */
const TOKEN_RENEWAL_MS = 30 * 60_000;

function options() {
  try {
    const { values } = parseArgs({
      options: {
        once: { type: 'boolean', default: false },
        'contact-point': { type: 'string' },
        username: { type: 'string', default: 'cassandra' },
        help: { type: 'boolean', default: false },
      },
    });
    const contactPoint = values['contact-point'];
    if (contactPoint !== undefined && !/^[^\s:-][^\s:]*:\d+$/.test(contactPoint)) {
      return `--contact-point is HOST:PORT, not ${contactPoint}`;
    }
    return values;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const startedAtMs = Date.now();
function progress(text: string): void {
  const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1).padStart(6);
  say(`${seconds} s  ${text}`);
}

async function demo(values: Exclude<ReturnType<typeof options>, string>): Promise<number> {
  const contactPoint = values['contact-point'] ?? null;
  const missing = contactPoint === null ? missingForCassandra() : null;
  if (missing !== null) {
    say(`The demo starts a real Cassandra, and this machine cannot run one: ${missing}.`);
    say('Or use a cluster that is there already: npm run demo -- --contact-point HOST:PORT');
    return 1;
  }
  const stage = await Stage.set({ contactPoint, username: values.username, progress });
  const stopped = new Promise<void>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve());
  });
  try {
    const { datacenter, asExpected } = await runPipeline(stage, say);
    say('');
    say(await auditTrail(path.join(stage.dir, 'audit')));
    if (values.once || !asExpected) return asExpected ? 0 : 1;
    const tokenFile = path.join(stage.dir, 'token');
    const credentialsFile = path.join(stage.dir, 'credentials');
    const renew = async (): Promise<void> => {
      const token = stage.mint('orders-reader');
      await writeFile(tokenFile, token, { mode: 0o600 });
      // cqlsh's own format; it takes the file only when nobody else can read it.
      const credentials = `[PlainTextAuthProvider]\nusername = orders-reader\npassword = ${token}\n`;
      await writeFile(credentialsFile, credentials, { mode: 0o600 });
    };
    await renew();
    say(pasteLines({ port: stage.port, tokenFile, credentialsFile, datacenter }));
    say(`\nThe gate stays up: audit records in ${stage.dir}/audit. Ctrl-C ends it.`);
    for (let running = true; running;) {
      const waiting = new AbortController();
      running = await Promise.race([
        stopped.then(() => false),
        delay(TOKEN_RENEWAL_MS, true, { signal: waiting.signal }).catch(() => false),
      ]);
      waiting.abort();
      if (running) await renew();
    }
    return 0;
  } finally {
    await stage.strike();
  }
}

const asked = options();
if (typeof asked === 'string') {
  say(`${asked}\n\n${USAGE}`);
  process.exitCode = 3;
} else if (asked.help) say(USAGE);
else {
  process.exitCode = await demo(asked).catch((error: unknown) => {
    say(`The demo could not go on: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  });
}
