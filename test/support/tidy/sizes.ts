// Files and functions that are longer than one can take in at a glance.
import ts from 'typescript';
import type { Source } from './tree.ts';

export const MOST_FILE_LINES = 400;
export const MOST_FUNCTION_LINES = 70;

export function longFiles(sources: readonly Source[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const { file, text } of sources) {
    const lines = text.trimEnd().split('\n').length;
    if (lines > MOST_FILE_LINES) found.set(file, lines);
  }
  return found;
}

/** By file and name: `<file> Class.method`. Of several with one name the longest counts. */
export function longFunctions(sources: readonly Source[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const source of sources) {
    const visit = (node: ts.Node): void => {
      if (isFunction(node) && !isContainer(node)) {
        const lines = linesOf(node, source.ast);
        const key = `${source.file} ${nameOf(node, source.ast)}`;
        if (lines > MOST_FUNCTION_LINES) found.set(key, Math.max(lines, found.get(key) ?? 0));
      }
      node.forEachChild(visit);
    };
    visit(source.ast);
  }
  return found;
}

type WithBody = ts.FunctionLikeDeclaration & { readonly body: ts.ConciseBody };

function isFunction(node: ts.Node): node is WithBody {
  return ts.isFunctionLike(node) && 'body' in node && node.body !== undefined;
}

/** The callback of `describe` is a list of tests, not a function that one reads as a whole. */
function isContainer({ parent }: ts.Node): boolean {
  return ts.isCallExpression(parent) && /^describe\b/.test(parent.expression.getText());
}

/** Without the comment before it. */
function linesOf(node: ts.Node, ast: ts.SourceFile): number {
  const line = (position: number): number => ast.getLineAndCharacterOfPosition(position).line;
  return line(node.getEnd()) - line(node.getStart(ast)) + 1;
}

function nameOf(node: WithBody, ast: ts.SourceFile): string {
  const { parent } = node;
  const own = node.name?.getText(ast) ?? (ts.isConstructorDeclaration(node) ? 'constructor' : null);
  if (own !== null) {
    return ts.isClassLike(parent) ? `${parent.name?.text ?? 'class'}.${own}` : own;
  }
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) {
    return parent.name.getText(ast);
  }
  // A callback: named after what it is given to, with the first text among the arguments.
  if (!ts.isCallExpression(parent)) return 'anonymous';
  const title = parent.arguments.find(ts.isStringLiteralLike)?.text;
  const called = parent.expression.getText(ast).split('(')[0]!;
  return title === undefined ? called : `${called} '${title}'`;
}
