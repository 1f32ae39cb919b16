// Exports and public members of src that nothing else in src uses. Those that only tests use are listed apart: a test
// of what a module offers to others lasts longer than one of its insides.
import ts from 'typescript';
import { importedFile, type Source } from './tree.ts';

/** They are read by generators of documents, which are no part of src. */
const READ_BY_GENERATORS: ReadonlySet<string> = new Set([
  'src/config/docs.ts renderConfigDocs',
  'src/config/error-docs.ts renderErrorDocs',
]);

interface Exported {
  readonly name: string;
  readonly node: ts.Node;
  readonly isType: boolean;
}

/** Each entry as `<file> name`, sorted. */
export interface UnusedExports {
  /** Nothing imports them. */
  readonly dead: readonly string[];
  /** Only files outside of src import them. */
  readonly forTests: readonly string[];
}

export function unusedExports(sources: readonly Source[]): UnusedExports {
  const own = sources.filter(({ file }) => file.startsWith('src/'));
  const inSrc = unusedIn(own, usedNames(own)).filter((entry) => !READ_BY_GENERATORS.has(entry));
  const anywhere = new Set(unusedIn(own, usedNames(sources)));
  return {
    dead: inSrc.filter((entry) => anywhere.has(entry)),
    forTests: inSrc.filter((entry) => !anywhere.has(entry)),
  };
}

function unusedIn(own: readonly Source[], used: ReadonlyMap<string, Set<string>>): string[] {
  return own
    .flatMap((source) => {
      const names = used.get(source.file) ?? new Set();
      if (names.has('*')) return [];
      return unused(exportsOf(source), names).map((name) => `${source.file} ${name}`);
    })
    .sort();
}

/** By file: the names that other files import; `*` where a file is imported as a whole. */
function usedNames(sources: readonly Source[]): Map<string, Set<string>> {
  const used = new Map<string, Set<string>>();
  for (const source of sources) {
    const use = (specifier: ts.Node | undefined, names: readonly string[]): void => {
      if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
      const file = importedFile(source.file, specifier.text);
      if (file === null) return;
      const known = used.get(file) ?? new Set();
      used.set(file, known);
      for (const name of names) known.add(name);
    };
    const visit = (node: ts.Node): void => {
      if (ts.isImportDeclaration(node)) use(node.moduleSpecifier, importedNames(node));
      if (ts.isExportDeclaration(node)) use(node.moduleSpecifier, reexportedNames(node));
      if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
        use(node.arguments[0], destructuredNames(node));
      }
      node.forEachChild(visit);
    };
    visit(source.ast);
  }
  return used;
}

function importedNames({ importClause }: ts.ImportDeclaration): string[] {
  const bindings = importClause?.namedBindings;
  if (bindings === undefined) return [];
  if (ts.isNamespaceImport(bindings)) return ['*'];
  return bindings.elements.map(({ name, propertyName }) => (propertyName ?? name).text);
}

function reexportedNames({ exportClause }: ts.ExportDeclaration): string[] {
  if (exportClause === undefined || !ts.isNamedExports(exportClause)) return ['*'];
  return exportClause.elements.map(({ name, propertyName }) => (propertyName ?? name).text);
}

/** `(await import(file)).name` and `const { name } = await import(file)`; in other uses all of it. */
function destructuredNames(call: ts.CallExpression): string[] {
  let node: ts.Node = call.parent;
  while (ts.isAwaitExpression(node) || ts.isParenthesizedExpression(node)) node = node.parent;
  if (ts.isPropertyAccessExpression(node)) return [node.name.text];
  if (ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name)) {
    return node.name.elements.map(({ name, propertyName }) => (propertyName ?? name).getText());
  }
  return ['*'];
}

function exportsOf({ ast }: Source): Exported[] {
  const found: Exported[] = [];
  for (const node of ast.statements) {
    if (ts.isExportDeclaration(node) && node.exportClause !== undefined) {
      if (!ts.isNamedExports(node.exportClause)) continue;
      for (const { name } of node.exportClause.elements) {
        found.push({ name: name.text, node, isType: node.isTypeOnly });
      }
    }
    if (!ts.canHaveModifiers(node)) continue;
    const modifiers = ts.getModifiers(node) ?? [];
    if (!modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) continue;
    if (ts.isVariableStatement(node)) {
      for (const declaration of node.declarationList.declarations) {
        found.push({ name: declaration.name.getText(ast), node: declaration, isType: false });
      }
    } else if ('name' in node) {
      const isType = ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node);
      found.push({ name: (node.name as ts.Identifier).text, node, isType });
    }
  }
  return found;
}

/** A type is used as well where the signature of something used names it. */
function unused(exported: readonly Exported[], used: ReadonlySet<string>): string[] {
  const live = new Set(exported.filter(({ name }) => used.has(name)));
  // A Set is walked in the order of insertion, so what is added here is looked at as well.
  for (const { node } of live) {
    const named = namesInSignature(node);
    for (const one of exported) if (one.isType && named.has(one.name)) live.add(one);
  }
  return exported.filter((one) => !live.has(one)).map(({ name }) => name);
}

/** All names in a declaration but those in bodies of functions and in private members. */
function namesInSignature(declaration: ts.Node): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isBlock(node)) return;
    if (ts.isClassElement(node) && node.name !== undefined && ts.isPrivateIdentifier(node.name)) {
      return;
    }
    if (ts.isIdentifier(node)) names.add(node.text);
    node.forEachChild(visit);
  };
  visit(declaration);
  return names;
}

/**
 * Public members of classes whose name stands nowhere else in src: as `<file> Class.member`, sorted. Names that
 * others use for something else are not found, so this is a lower bound.
 */
export function unusedMembers(sources: readonly Source[]): string[] {
  const own = sources.filter(({ file }) => file.startsWith('src/'));
  const counts = new Map<string, number>();
  const members: { readonly entry: string; readonly name: string }[] = [];
  for (const { file, ast } of own) {
    const visit = (node: ts.Node): void => {
      if (ts.isIdentifier(node)) counts.set(node.text, (counts.get(node.text) ?? 0) + 1);
      if (ts.isStringLiteralLike(node)) counts.set(node.text, (counts.get(node.text) ?? 0) + 1);
      if (ts.isClassElement(node) && isPublic(node)) {
        const name = (node.name as ts.Identifier).text;
        const owner = (node.parent as ts.ClassLikeDeclaration).name?.text ?? 'class';
        members.push({ entry: `${file} ${owner}.${name}`, name });
      }
      node.forEachChild(visit);
    };
    visit(ast);
  }
  const seldom = members.filter(({ name }) => {
    const declared = members.filter((one) => one.name === name).length;
    return counts.get(name)! <= declared;
  });
  return seldom.map(({ entry }) => entry).sort();
}

function isPublic(node: ts.ClassElement): boolean {
  if (node.name === undefined || !ts.isIdentifier(node.name)) return false;
  const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : [];
  return !modifiers.some(
    ({ kind }) =>
      kind === ts.SyntaxKind.PrivateKeyword ||
      kind === ts.SyntaxKind.OverrideKeyword ||
      kind === ts.SyntaxKind.DeclareKeyword,
  );
}
