#!/usr/bin/env bash
# The entry of the pipe: checks its variables, then works behind `cqlgate sidecar`, which takes the step's token from
# BITBUCKET_STEP_OIDC_TOKEN and ends with what it started. Its exit code is that of the first file, or of the command.
set -euo pipefail

fail() {
  echo "✖ $*" >&2
  exit 1
}

# Behind the sidecar: each file in turn, the first that fails is the last.
if [[ "${1:-}" == behind-the-sidecar ]]; then
  shift
  for file in "$@"; do
    echo "== $file"
    # A schema change waits up to 50 s for its turn at the gate.
    cqlsh --request-timeout 65 ${KEYSPACE:+--keyspace "$KEYSPACE"} --file "$file" "$CASSANDRA_HOST" "$CASSANDRA_PORT" || {
      code=$?
      echo "✖ $file failed with exit code $code; the files after it were not run" >&2
      exit "$code"
    }
  done
  echo "✔ $# files"
  exit
fi

[[ -n "${GATE:-}" ]] || fail 'GATE is missing: host:port of the gate'
[[ -n "${ROLE:-}" ]] || fail "ROLE is missing: a role of the gate's policy that is bound to this pipeline"

# A list in the pipeline's YAML comes as NAME_COUNT, NAME_0, NAME_1; words of a text are taken apart.
list() {
  local name=$1 count="$1_COUNT" i item words
  if [[ -n "${!count:-}" ]]; then
    for ((i = 0; i < ${!count}; i++)); do
      item="${name}_$i"
      printf '%s\0' "${!item}"
    done
  else
    read -ra words <<<"${!name:-}"
    ((${#words[@]} == 0)) || printf '%s\0' "${words[@]}"
  fi
}

if [[ -n "${COMMAND_COUNT:-}" ]]; then
  mapfile -d '' -t work < <(list COMMAND)
elif [[ -n "${COMMAND:-}" ]]; then
  work=(bash -ec "$COMMAND")
else
  [[ -n "${FILES:-}${FILES_COUNT:-}" ]] || FILES='migrations/*.cql'
  mapfile -d '' -t patterns < <(list FILES)
  files=()
  for pattern in "${patterns[@]}"; do
    # In the order of their names, whatever the runner's language.
    mapfile -t found < <(compgen -G "$pattern" | LC_ALL=C sort)
    ((${#found[@]} > 0)) || fail "FILES: nothing is called $pattern in $PWD"
    files+=("${found[@]}")
  done
  work=("$0" behind-the-sidecar "${files[@]}")
fi

options=(--gate "$GATE" --role "$ROLE" --listen "${LISTEN:-127.0.0.1:9042}")
[[ -z "${CA_FILE:-}" ]] || options+=(--ca "$CA_FILE")
[[ -z "${SERVER_NAME:-}" ]] || options+=(--server-name "$SERVER_NAME")
exec cqlgate sidecar "${options[@]}" -- "${work[@]}"
