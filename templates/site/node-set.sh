# shellcheck shell=sh disable=SC2154
# Labels, taints and our own cordon of a node. Variables: node, labels (KEY=VALUE or KEY-), taints, no_taints (with a `-`
# behind each), uncordon (not empty: lift our cordon).
set -eu
# Lists of plain words:
# shellcheck disable=SC2086
{
    if [ -n "$labels" ]; then kubectl label --overwrite node "$node" $labels; fi
    if [ -n "$taints" ]; then kubectl taint --overwrite node "$node" $taints; fi
    for taint in $no_taints; do kubectl taint node "$node" "$taint" || true; done
}
if [ -n "$uncordon" ]; then
    kubectl uncordon "$node"
    kubectl annotate node "$node" bundler/cordoned-
    # It was to leave, and stays after all.
    kubectl taint node "$node" bundler/leaving:NoExecute- 2>/dev/null || true
fi
