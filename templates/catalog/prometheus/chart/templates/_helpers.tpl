{{- define "labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "pod" -}}
runAsNonRoot: true
runAsUser: 65534
runAsGroup: 65534
fsGroup: 65534
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "container" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* A password that is there stays; else one is made, here on site. Arguments: release's namespace, Secret, key. */ -}}
{{- define "password" -}}
{{- $found := lookup "v1" "Secret" .namespace .secret -}}
{{- if and $found (index $found "data") (index $found.data .key) -}}
{{- index $found.data .key -}}
{{- else -}}
{{- randAlphaNum 32 | b64enc -}}
{{- end -}}
{{- end }}

{{- /* What the environment calls a Service. */ -}}
{{- define "variable" -}}
{{- . | upper | replace "-" "_" -}}
{{- end }}

{{- /* A port of every node. Arguments: the chart's context, the port. */ -}}
{{- define "nodes" -}}
{{- $ := index . 0 -}}
{names: ["{{ $.Release.Name }}-nodes.{{ $.Release.Namespace }}.svc.{{ $.Values.clusterDomain }}"], type: A, port: {{ index . 1 }}, refresh_interval: 15s}
{{- end }}
