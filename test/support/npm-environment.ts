// The environment for npm in a folder that is not this project's.

/** The way to the registry and its cache; `npm run` adds variables that would lead npm back here. */
const KEPT =
  /^(PATH|HOME|LANG|\w*_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|npm_config_(registry|cache|cafile))$/i;

export function npmEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => KEPT.test(name));
  // What tests install was installed before, as a rule: the registry is asked for the rest only.
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    npm_config_prefer_offline: 'true',
  };
}
