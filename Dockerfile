# The image of the gate: compiled source, production dependencies with native LZ4 and Snappy, and a
# Node without shell or package manager. Runs as a numeric user without rights; the root file system
# can be read-only. Mount cqlgate.yaml and what it names at /etc/cqlgate; the ledger goes to a volume
# at /var/lib/cqlgate.
ARG NODE_MAJOR=24

FROM node:${NODE_MAJOR}-bookworm AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY dist/main.js dist/
COPY src src/
RUN npm run build
RUN npm prune --omit=dev --ignore-scripts
# lz4 is an optional dependency: where it can't be compiled npm leaves it out without a word, and the
# gate falls back to JavaScript. An image without it is a failed build instead.
RUN npm rebuild lz4 --nodedir="$(dirname "$(dirname "$(command -v node)")")" \
 && rm -rf node_modules/lz4/build/Release/obj.target \
 && node -e "require('lz4'); require('snappy')"
RUN mkdir ledger

FROM gcr.io/distroless/nodejs${NODE_MAJOR}-debian12:nonroot
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cqlgate" \
      org.opencontainers.image.description="A CQL wire-protocol gate in front of Apache Cassandra" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=build /build/node_modules node_modules/
COPY --from=build /build/dist dist/
# A new volume takes its owner from here.
COPY --from=build --chown=65532:65532 /build/ledger /var/lib/cqlgate/
ENV NODE_ENV=production
# Where `admin:` of the configuration has other than its defaults, say so here.
ENV CQLGATE_HEALTH_URL=http://127.0.0.1:9180/healthz
WORKDIR /etc/cqlgate
VOLUME ["/var/lib/cqlgate"]
EXPOSE 9042 9180
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["/nodejs/bin/node", "-e", "fetch(process.env.CQLGATE_HEALTH_URL).then(({ ok, status }) => { if (!ok) throw new Error('answered ' + status); }).catch(({ message, cause }) => { console.error(String(cause ?? message)); process.exit(1); })"]
# No shell between: SIGTERM reaches the gate, which drains and ends with 0.
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/main.js"]
CMD ["serve"]
