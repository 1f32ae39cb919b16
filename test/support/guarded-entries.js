// A rule of ESLint: whatever the event loop calls is registered through src/guard.ts, so that an error of ours
// ends what it belongs to and not the process. What can't throw needs no guard: a handler that does nothing,
// or only settles a promise.
import { ESLintUtils } from '@typescript-eslint/utils';
import ts from 'typescript';

const LISTENS = new Set([
  'on',
  'once',
  'addListener',
  'prependListener',
  'prependOnceListener',
  'addEventListener',
]);
const TIMERS = new Set(['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']);
/** They take a callback as the last argument, where they take one. */
const CALLS_BACK = new Set([
  'createServer',
  'connect',
  'createConnection',
  'listen',
  'close',
  'send',
  'end',
  'write',
  'watchFile',
  'nextTick',
  'setTimeout',
]);
const SETTLES = new Set(['resolve', 'reject']);
const GUARDS = new Set(['guarded']);
const CHAINS = new Set(['then', 'catch', 'finally']);

const isFunction = (node) =>
  node.type === 'ArrowFunctionExpression' || node.type === 'FunctionExpression';

const nameOf = (node) => (node.type === 'Identifier' ? node.name : null);

const isGuardCall = (node) => node?.type === 'CallExpression' && GUARDS.has(nameOf(node.callee));

/** `() => undefined`, `resolve`, `() => resolve()`. */
function isHarmless(node) {
  if (SETTLES.has(nameOf(node))) return true;
  if (!isFunction(node)) return false;
  const { body } = node;
  if (nameOf(body) === 'undefined') return true;
  return (
    body.type === 'CallExpression' &&
    SETTLES.has(nameOf(body.callee)) &&
    body.arguments.every(({ type }) => type === 'Identifier' || type === 'Literal')
  );
}

/** `this.#name`, where the class says that it is guarded. */
function isGuardedField(node) {
  if (node.type !== 'MemberExpression' || node.object.type !== 'ThisExpression') return false;
  let top = node;
  while (top !== undefined && top !== null && top.type !== 'ClassBody') top = top.parent;
  const name = node.property.name;
  const assigned = (element) =>
    element.type === 'PropertyDefinition' &&
    element.key.name === name &&
    isGuardCall(element.value);
  const inConstructor = (element) =>
    element.type === 'MethodDefinition' &&
    element.kind === 'constructor' &&
    element.value.body.body.some(
      ({ expression }) =>
        expression?.type === 'AssignmentExpression' &&
        expression.left.property?.name === name &&
        isGuardCall(expression.right),
    );
  return top?.body.some((element) => assigned(element) || inConstructor(element)) === true;
}

/** `const later = guarded(...)` at the top of a file or a function. */
function isGuardedName(node, sourceCode) {
  if (node.type !== 'Identifier') return false;
  for (let scope = sourceCode.getScope(node); scope !== null; scope = scope.upper) {
    const variable = scope.set.get(node.name);
    if (variable !== undefined) return isGuardCall(variable.defs[0]?.node?.init);
  }
  return false;
}

export const guardedEntries = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      handler:
        'The event loop calls this: register it by guarded(place, handler, end) of src/guard.ts.',
      promise:
        'Nobody waits for this promise: hand it to unattended(place, promise) of src/guard.ts.',
    },
  },
  create(context) {
    const { sourceCode } = context;
    const services = ESLintUtils.getParserServices(context);
    const mayEnter = (node) =>
      node === undefined ||
      isGuardCall(node) ||
      isHarmless(node) ||
      isGuardedField(node) ||
      isGuardedName(node, sourceCode);
    const check = (node) => {
      if (!mayEnter(node)) context.report({ node, messageId: 'handler' });
    };
    const isPromise = (node) => {
      const type = services.getTypeAtLocation(node);
      const parts = type.flags & ts.TypeFlags.Union ? type.types : [type];
      return parts.some((part) => part.getProperty('then') !== undefined);
    };
    return {
      CallExpression(node) {
        const { callee } = node;
        if (TIMERS.has(nameOf(callee))) check(node.arguments[0]);
        if (callee.type !== 'MemberExpression') {
          const last = node.arguments.at(-1);
          if (CALLS_BACK.has(nameOf(callee)) && last !== undefined && isFunction(last)) check(last);
          return;
        }
        const name = callee.property.name;
        if (LISTENS.has(name) && node.arguments.length > 1) check(node.arguments[1]);
        else if (CALLS_BACK.has(name)) {
          const last = node.arguments.at(-1);
          if (last !== undefined && isFunction(last)) check(last);
        }
      },
      UnaryExpression(node) {
        if (node.operator === 'void' && isPromise(node.argument)) {
          context.report({ node, messageId: 'promise' });
        }
      },
      ExpressionStatement({ expression: node }) {
        if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression') return;
        const name = node.callee.property.name;
        if (!CHAINS.has(name) || !isPromise(node)) return;
        if (name === 'catch' && isHarmless(node.arguments[0])) return;
        context.report({ node, messageId: 'promise' });
      },
    };
  },
};
