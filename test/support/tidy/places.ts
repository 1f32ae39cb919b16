// Which tracked files have an owner: each place of the repository, with the kinds of files that belong there.
// A file that fits no row was committed by accident, or needs a row of its own here.

const PLACES: readonly RegExp[] = [
  // The root holds what tools look for there, and nothing else.
  /^\.(?:dependency-cruiser\.cjs|dockerignore|gitignore|npmrc|prettierignore|prettierrc\.json)$/,
  /^(?:CHANGELOG\.md|CONTRIBUTING\.md|Dockerfile|LICENSE|README\.md|SECURITY\.md)$/,
  /^(?:eslint\.config\.js|package\.json|package-lock\.json|tsconfig(?:\.build)?\.json|vitest\.config\.ts)$/,
  /^\.ci\/run$/,
  /^bench\/[\w-]+\.(?:ts|js)$/,
  /^bench\/(?:README\.md|baseline\.json)$/,
  /^dist\/main\.js$/,
  /^docs\/[A-Z]+\.md$/,
  /^examples\/demo\/[\w-]+\.ts$/,
  /^examples\/pipelines\/(?:[\w-]+\/)?[\w.-]+\.(?:cql|mjs|yaml|yml)$/,
  /^helm\/cqlgate\/(?:\.helmignore|Chart\.yaml|README\.md|values\.yaml|values\.schema\.json)$/,
  /^helm\/cqlgate\/(?:ci|examples|files)\/[\w-]+\.(?:js|yaml)$/,
  /^helm\/cqlgate\/templates\/(?:tests\/)?[\w-]+\.(?:yaml|tpl)$/,
  /^helm\/cqlgate\/templates\/NOTES\.txt$/,
  /^pipe\/(?:\.dockerignore|Dockerfile|README\.md|pipe\.sh|pipe\.yml)$/,
  // One level of rooms; only the CQL grammar and the messages of the protocol have a level below.
  /^src\/(?:[a-z-]+\/)?[\w-]+(?:\.d)?\.ts$/,
  /^src\/cql\/grammar\/[\w-]+\.ts$/,
  /^src\/protocol\/messages\/[\w-]+\.ts$/,
  /^src\/session\/[\w-]+-worker\.js$/,
  /^test\/(?:limits|tidy)\.json$/,
  /^test\/(?:[a-z-]+\/){0,3}[\w.-]+\.ts$/,
  /^test\/support\/[\w-]+\.js$/,
  /^test\/support\/oracle\/\w+\.java$/,
  /^test\/docs\/foreign-names\.txt$/,
  /^test\/helm\/golden\/[\w-]+\.yaml$/,
  // Programs in the languages of the drivers that are tested.
  /^test\/drivers\/(?:[\w-]+\/){0,4}[\w.-]+\.(?:cjs|java|mjs|py|rs|sh|toml|go\.txt)$/,
];

/** Tracked files that belong nowhere. */
export function unownedFiles(files: readonly string[]): string[] {
  return files.filter((file) => !PLACES.some((place) => place.test(file)));
}
