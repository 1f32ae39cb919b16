// Where `cqlgate login` writes what cqlsh reads, where nothing else is asked for.
import os from 'node:os';
import path from 'node:path';

export const DEFAULT_CREDENTIALS = path.join(os.homedir(), '.cassandra', 'cqlgate-credentials');
