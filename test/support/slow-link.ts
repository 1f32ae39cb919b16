// A link of a given speed between a client and a port: a relay that passes on so many bytes a second towards the client,
// and reads no more of the other side than that, as a narrow network does.
import net from 'node:net';

/** Passed on at once; a tenth of a second at 100 Mbit/s is far more. */
const SLICE_MS = 10;

export class SlowLink {
  readonly #server: net.Server;
  readonly #bytesPerSecond: number;
  readonly #sockets = new Set<net.Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** All connections share it. */
  #roomBytes = 0;
  /** Passed on to clients so far. */
  bytes = 0;
  /** Sent by clients so far. */
  requestBytes = 0;

  private constructor(server: net.Server, bytesPerSecond: number) {
    this.#server = server;
    this.#bytesPerSecond = bytesPerSecond;
  }

  static async start(target: number, bytesPerSecond: number): Promise<SlowLink> {
    const server = net.createServer();
    const link = new SlowLink(server, bytesPerSecond);
    server.on('connection', (client) => link.#join(client, target));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    link.#refill();
    return link;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  /** By the clock, so that a busy machine does not make the link slower than it is; no burst after a pause. */
  #refill(): void {
    let lastMs = performance.now();
    const most = (this.#bytesPerSecond * 10 * SLICE_MS) / 1000;
    const fill = (): void => {
      const nowMs = performance.now();
      const more = (this.#bytesPerSecond * (nowMs - lastMs)) / 1000;
      this.#roomBytes = Math.min(this.#roomBytes + more, most);
      lastMs = nowMs;
    };
    this.#timers.add(setInterval(fill, SLICE_MS / 2));
  }

  #join(client: net.Socket, target: number): void {
    const gate = net.connect(target, '127.0.0.1');
    for (const socket of [client, gate]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.setNoDelay(true);
    }
    client.on('data', (chunk: Buffer) => {
      this.requestBytes += chunk.length;
      gate.write(chunk);
    });
    client.on('close', () => gate.destroy());
    const waiting: Buffer[] = [];
    gate.on('data', (chunk: Buffer) => {
      waiting.push(chunk);
      gate.pause();
    });
    let isOver = false;
    gate.on('close', () => {
      isOver = true;
    });
    const timer = setInterval(() => {
      while (waiting.length > 0 && this.#roomBytes >= 1 && !client.writableNeedDrain) {
        const chunk = waiting.shift()!;
        const take = Math.min(chunk.length, Math.floor(this.#roomBytes));
        this.#roomBytes -= take;
        this.bytes += take;
        client.write(chunk.subarray(0, take));
        if (take < chunk.length) waiting.unshift(chunk.subarray(take));
      }
      if (waiting.length > 0) return;
      if (isOver) client.destroy();
      else gate.resume();
    }, SLICE_MS / 2);
    this.#timers.add(timer);
    client.on('close', () => clearInterval(timer));
  }
}
