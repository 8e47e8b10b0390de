# shellcheck shell=sh disable=SC2154
# Nothing to do: what comes behind this waits for a try on every host. Variables: registry.
: "$registry"
