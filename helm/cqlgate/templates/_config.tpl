{{- /* cqlgate.yaml: what the values say, and what is the chart's. */ -}}
{{- define "cqlgate.config" -}}
{{- include "cqlgate.check" . -}}
{{- $name := include "cqlgate.name" . -}}
{{- $config := deepCopy .Values.config -}}
{{- $listen := merge (dict "port" 9042) ($config.listen | default dict) (dict "host" "0.0.0.0") -}}
{{- with .Values.tls.existingSecret -}}
{{- $dir := printf "/var/run/secrets/cqlgate/%s" . -}}
{{- $tls := dict "cert" (printf "%s/tls.crt" $dir) "key" (printf "%s/tls.key" $dir) -}}
{{- if $.Values.tls.clientCa }}{{ $_ := set $tls "clientCa" (printf "%s/ca.crt" $dir) }}{{ end -}}
{{- $_ := set $listen "tls" $tls -}}
{{- end -}}
{{- $admin := merge (dict "port" 9180) ($config.admin | default dict) (dict "host" "0.0.0.0") -}}
{{- /* Every form of the Services' names that DNS knows, and the names of single gates (ordinals come and go). */ -}}
{{- $hosts := list -}}
{{- range list $name (printf "%s-admin" $name) (printf "%s-headless" $name) (printf "*.%s-headless" $name) -}}
{{- $ns := printf "%s.%s" . $.Release.Namespace -}}
{{- $hosts = concat $hosts (list . $ns (printf "%s.svc" $ns) (printf "%s.svc.%s" $ns $.Values.clusterDomain)) -}}
{{- end -}}
{{- $hosts = concat $hosts ($admin.hosts | default list) -}}
{{- if .Values.ingress.enabled }}{{ $hosts = append $hosts .Values.ingress.host }}{{ end -}}
{{- $_ := set $admin "hosts" ($hosts | uniq) -}}
{{- $advertise := $config.advertise | default (dict "host" (printf "%s.%s.svc" $name .Release.Namespace) "port" (int .Values.service.port)) -}}
{{- $audit := merge (dict "dir" "/var/lib/cqlgate") ($config.audit | default dict) -}}
{{- toYaml (mergeOverwrite $config (dict "listen" $listen "admin" $admin "advertise" $advertise "audit" $audit "policy" "policy.yaml")) -}}
{{- end -}}

{{- /* What the schema can't ask for without refusing an empty values.yaml, or that lies between two values. */ -}}
{{- define "cqlgate.check" -}}
{{- $config := .Values.config -}}
{{- if not (dig "cluster" "contactPoints" nil $config) }}{{ fail "config.cluster.contactPoints: name nodes of the cluster, host:port" }}{{ end -}}
{{- if not $config.cassandraRoles }}{{ fail "config.cassandraRoles: name at least one login towards the cluster" }}{{ end -}}
{{- if not $config.issuers }}{{ fail "config.issuers: name who may issue tokens" }}{{ end -}}
{{- if and (gt (len ($config.cassandraRoles | default dict)) 1) (not (dig "cluster" "gateRole" "" $config)) -}}
{{- fail "config.cluster.gateRole: name the login of the gate's own queries; the default, the first of cassandraRoles, is lost in values, which have no order" -}}
{{- end -}}
{{- if not (or .Values.tls.existingSecret (dig "listen" "tls" nil $config) (dig "listen" "allowPlaintext" false $config)) -}}
{{- fail "tls.existingSecret: name a Secret with tls.crt and tls.key; without TLS a gate takes tokens from its own machine only" -}}
{{- end -}}
{{- if and .Values.tls.existingSecret (dig "listen" "tls" nil $config) }}{{ fail "tls.existingSecret and config.listen.tls are two ways for one thing: give one" }}{{ end -}}
{{- if not (or .Values.policy .Values.existingPolicyConfigMap) }}{{ fail "policy: give one, or name a ConfigMap in existingPolicyConfigMap" }}{{ end -}}
{{- if and .Values.policy .Values.existingPolicyConfigMap }}{{ fail "policy and existingPolicyConfigMap are two ways for one thing: give one" }}{{ end -}}
{{- range $key := list "version" "roles" "bindings" -}}
{{- if and $.Values.policy (not (hasKey $.Values.policy $key)) }}{{ fail (printf "policy.%s is missing" $key) }}{{ end -}}
{{- end -}}
{{- if has .Values.tls.existingSecret .Values.secrets }}{{ fail "secrets: the one of tls.existingSecret is mounted already; leave it out" }}{{ end -}}
{{- if and .Values.ingress.enabled (not (and .Values.ingress.host .Values.ingress.tlsSecret)) }}{{ fail "ingress.host and ingress.tlsSecret: the admin API takes tokens, so it is not put up without a name and TLS" }}{{ end -}}
{{- if and .Values.vaultAgent.enabled (not .Values.vaultAgent.role) }}{{ fail "vaultAgent.role: name the role of Vault's kubernetes auth" }}{{ end -}}
{{- end -}}

{{- /* How long a pod may take to end: as long as the gate may drain, and then what is in flight. */ -}}
{{- define "cqlgate.gracePeriodSeconds" -}}
{{- $limits := .Values.config.limits | default dict -}}
{{- $ms := 0 -}}
{{- range list "drainTimeoutMs" "drainNoticeMs" "schemaTimeoutMs" -}}
{{- $ms = add $ms (required (printf "config.limits.%s: the pod's grace period is made of it" .) (get $limits . | default nil)) -}}
{{- end -}}
{{- add (div (add $ms 999) 1000) (include "cqlgate.preStopSeconds" . | int) .Values.drain.marginSeconds -}}
{{- end -}}

{{- define "cqlgate.preStopSeconds" -}}
{{- ternary .Values.drain.preStopSeconds 0 (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) -}}
{{- end -}}

{{- /* "true" where the gate itself logs in to Vault by the pod's token; Vault's agent mounts that volume by itself. */ -}}
{{- define "cqlgate.logsInByToken" -}}
{{- $auth := dig "vault" "auth" dict .Values.config -}}
{{- if or (hasKey $auth "kubernetes") (hasKey $auth "jwt") }}true{{ end -}}
{{- end -}}
