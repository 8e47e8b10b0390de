{{- define "address" -}}
{{- if .host }}{{ .host }}{{ else if .release }}$({{ include "variable" .release }}_SERVICE_HOST){{ end }}
{{- end }}

{{- define "environment" -}}
- {name: DATABASE_HOST, value: {{ include "address" .Values.database | quote }}}
- {name: REDIS_HOST, value: {{ include "address" .Values.redis | quote }}}
- {name: SITE_TITLE, value: {{ .Values.title | quote }}}
- {name: SITE_MAIL, value: {{ .Values.mail | quote }}}
- {name: SITE_URL, value: {{ .Values.url | quote }}}
- {name: SITE_UPLOADS, value: {{ ternary "shared" "none" (ne .Values.uploadsClaim "") }}}
{{- end }}

{{- define "mounts" -}}
- {name: scratch, mountPath: /tmp}
- {name: database, mountPath: /secrets/database, readOnly: true}
- {name: redis, mountPath: /secrets/redis, readOnly: true}
- {name: site, mountPath: /secrets/site, readOnly: true}
{{- end }}

{{- define "volumes" -}}
- name: scratch
  emptyDir: {}
- name: database
  secret: {secretName: {{ .Values.database.secret }}}
- name: redis
  secret: {secretName: {{ .Values.redis.secret }}, optional: true}
- name: site
  secret: {secretName: {{ .Release.Name }}-site}
{{- end }}
