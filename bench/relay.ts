// What the responder has not seen yet is asked of a real node, one request after another over one
// connection: misses are few, and the order keeps USE and what depends on it together.
import { RawConnection, type Credentials, type Endpoint, type Response } from './raw-connection.ts';
import { SETUP } from './workload.ts';

export class Relay {
  readonly #node: RawConnection;
  #keyspace: string | null = null;
  #last: Promise<unknown> = Promise.resolve();
  /** Requests that reached the node. */
  asked = 0;

  private constructor(node: RawConnection) {
    this.#node = node;
  }

  /** Logs in to the node and makes the bench's keyspace, table and rows there. */
  static async open(endpoint: Endpoint, credentials: Credentials): Promise<Relay> {
    const node = await RawConnection.open(endpoint, credentials);
    for (const statement of SETUP) await node.query(statement);
    return new Relay(node);
  }

  /** The node's answer, given while its connection is in `keyspace`. */
  async ask(opcode: number, body: Buffer, keyspace: string | null): Promise<Response> {
    const answer = this.#last.then(async () => {
      if (keyspace !== null && keyspace !== this.#keyspace) {
        await this.#node.query(`USE "${keyspace.replaceAll('"', '""')}"`);
        this.#keyspace = keyspace;
      }
      this.asked++;
      return this.#node.request(opcode, body);
    });
    this.#last = answer.catch(() => undefined);
    return answer;
  }
}
