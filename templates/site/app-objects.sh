# shellcheck shell=sh disable=SC2034
# Objects of apps, a line each: API KIND NAMESPACE NAME REPLICAS; `-` for no namespace, nothing for no replicas.
# kubectl's template prints such lines, `objects_json` makes of them what `kubectl -f -` takes.
# shellcheck disable=SC2016
objects_template='{{define "one"}}{{.apiVersion}} {{.kind}} {{with .metadata.namespace}}{{.}}{{else}}-{{end}} {{.metadata.name}}{{with .spec}}{{range $k, $v := .}}{{if eq (printf "%v" $k) "replicas"}} {{$v}}{{end}}{{end}}{{end}}{{"\n"}}{{end}}{{if eq .kind "List"}}{{range .items}}{{template "one" .}}{{end}}{{else}}{{template "one" .}}{{end}}'
objects_json() {
    while read -r api kind home name _; do
        case $home in
        -) home= ;;
        *) home=",\"namespace\":\"$home\"" ;;
        esac
        printf '{"apiVersion":"%s","kind":"%s","metadata":{"name":"%s"%s}}\n' "$api" "$kind" "$name" "$home"
    done
}
