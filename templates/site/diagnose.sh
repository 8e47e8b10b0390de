# shellcheck shell=sh
# What to look at when something did not become ready.
kubectl get nodes -o wide
kubectl get pods -A -o wide --field-selector=status.phase!=Succeeded | head -n 60
kubectl get events -A --field-selector=type=Warning --sort-by=.lastTimestamp | tail -n 20
