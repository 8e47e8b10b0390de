# shellcheck shell=sh disable=SC2154
# Install or upgrade a release. Standard input: the request.
# Variables: runtime (folder of the frozen installer), library, inputs (digest of the chart).
set -eu
: "$inputs"
export HELM_C_LIB="$library" HOME=/var/lib/bundler/helm
export HELM_CACHE_HOME=$HOME/cache HELM_CONFIG_HOME=$HOME/config HELM_DATA_HOME=$HOME/data
mkdir -p "$HOME"
exec "$runtime/start" helm-agent
