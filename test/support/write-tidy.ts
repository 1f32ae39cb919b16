// `npm run tidy`: writes the ratchet of test/tidy.test.ts as the tree is now. It refuses to write down what has
// grown, unless it is run with --allow-growth.
import { changes, measured, readRatchet, writeRatchet, type Ratchet } from './tidy/measure.ts';
import { readTree } from './tidy/tree.ts';

const now = measured(readTree());
if (!process.argv.includes('--allow-growth')) {
  const grown = grownSince(readRatchet());
  if (grown.length > 0) {
    console.error(`not written, for this has grown:\n${grown.join('\n')}`);
    process.exit(1);
  }
}
writeRatchet(now);

function grownSince(before: Ratchet): string[] {
  const counted = (entries: readonly string[]) =>
    Object.fromEntries(entries.map((one) => [one, 1]));
  return [
    ...changes(now.longFiles, before.longFiles).grown,
    ...changes(now.longFunctions, before.longFunctions).grown,
    ...changes(counted(now.deadExports), counted(before.deadExports)).grown,
    ...changes(counted(now.exportsForTests), counted(before.exportsForTests)).grown,
    ...changes(counted(now.unusedMembers), counted(before.unusedMembers)).grown,
    ...(now.testedPercent < before.testedPercent
      ? [`testedPercent fell from ${before.testedPercent} to ${now.testedPercent}`]
      : []),
  ];
}
