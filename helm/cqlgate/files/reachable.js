// Run by the image's own Node: /readyz answers 200, and OPTIONS at the CQL port is answered by SUPPORTED, which needs
// no login. Nothing secret is sent, so the certificate's name does not matter here.
import { connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';

const { ADMIN_URL, CQL_HOST: host, CQL_PORT: port, CQL_TLS } = process.env;
const TIMEOUT_MS = 10_000;
const OPTIONS = Buffer.from([0x04, 0, 0, 0, 0x05, 0, 0, 0, 0]);
const SUPPORTED = 0x06;

const ready = await fetch(ADMIN_URL, { signal: AbortSignal.timeout(TIMEOUT_MS) });
console.log(`${ADMIN_URL}: ${ready.status} ${await ready.text()}`);
if (!ready.ok) process.exit(1);

// Where client certificates are required, this has none: that the port is open is all it can see.
const connect = CQL_TLS === 'server' ? connectTls : connectPlain;
const socket = connect({ host, port: Number(port), rejectUnauthorized: false });
socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer in time')));
if (CQL_TLS === 'mutual') {
  socket.once('connect', () => {
    console.log(`${host}:${port}: is open`);
    process.exit(0);
  });
} else socket.write(OPTIONS);
for await (const answer of socket) {
  if (answer[4] !== SUPPORTED) throw new Error(`answered by opcode ${answer[4]}`);
  console.log(`${host}:${port}: speaks CQL`);
  process.exit(0);
}
throw new Error(`${host}:${port}: closed without an answer`);
