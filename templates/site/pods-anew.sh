# shellcheck shell=sh
# Have the kubelet start static pods of this host anew, without waiting for its back-off: pods_anew WHY NAME…
# A manifest with another annotation is another pod to it.
pods_anew() (
    why=$1
    shift
    for pod in "$@"; do
        file=/etc/kubernetes/manifests/$pod.yaml
        new=/etc/kubernetes/manifests/.$pod.new
        [ -e "$file" ] || continue
        mark="    bundler/anew: \"$why\""
        sed '/^    bundler\/anew: /d' "$file" >"$new"
        if grep -q '^  annotations:' "$new"; then
            sed -i "s|^  annotations:.*|  annotations:\\n$mark|" "$new"
        else
            sed -i "s|^metadata:.*|metadata:\\n  annotations:\\n$mark|" "$new"
        fi
        chmod 0600 "$new"
        mv -f "$new" "$file"
    done
)
