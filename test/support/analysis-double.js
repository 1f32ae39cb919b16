// Stands in for the thread that analyses long texts: some texts kill it, others never end.
import { parentPort } from 'node:worker_threads';

parentPort.on('message', ({ texts }) => {
  for (const text of texts) {
    if (text === 'dies') process.exit(1);
    if (text === 'throws') throw new Error('ours');
    while (text === 'loops');
  }
  const found = texts.map((text) => ({ result: { reason: `saw ${text}` }, redacted: null }));
  parentPort.postMessage({ found });
});
