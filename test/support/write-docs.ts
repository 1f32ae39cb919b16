// `npm run docs`: writes the documents that are made of code.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { renderConfigDocs } from '../../src/config/docs.ts';

writeFileSync(path.resolve(import.meta.dirname, '../../docs/CONFIG.md'), renderConfigDocs());
