// `npm run docs`: writes the documents that are made of code.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { renderConfigDocs } from '../../src/config/docs.ts';
import { renderErrorDocs } from '../../src/config/error-docs.ts';
import { renderValuesSchema } from './values-schema.ts';

const root = path.resolve(import.meta.dirname, '../..');
writeFileSync(path.join(root, 'docs/CONFIG.md'), renderConfigDocs());
writeFileSync(path.join(root, 'docs/ERRORS.md'), renderErrorDocs());
writeFileSync(path.join(root, 'helm/cqlgate/values.schema.json'), renderValuesSchema());
