#!/bin/sh
# Compiles Kubernetes from Debian's source package with Debian 11's Go 1.15, the newest Go whose result runs
# (with Go 1.19 kubeadm and kubelet crash in reflect2). The same input gives the same bytes, wherever it is built.
#
#   compile.sh KUBERNETES_VERSION DESTINATION
#
# Leaves the seven programs in DESTINATION. Works in $TMPDIR; needs about 2.5 GiB there.
set -eu

programs="kubeadm kubelet kubectl kube-apiserver kube-controller-manager kube-scheduler kube-proxy"
version=${1#v}
destination=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

for tool in python3 apt-get dpkg-deb dpkg-source tar xz; do
    command -v "$tool" >/dev/null || missing="${missing-} $tool"
done
if [ -n "${missing-}" ]; then
    echo "Missing on this machine:$missing. Fix: apt-get install dpkg-dev python3 tar xz-utils" >&2
    exit 1
fi

# Go compiles for another architecture as it does for its own; the compiler itself is of this machine's.
arch=${TARGETARCH:-$(dpkg --print-architecture)}

mkdir -p "$destination"
destination=$(cd "$destination" && pwd)
tree=$work/gopath/src/k8s.io/kubernetes
mkdir -p "$work/gopath/src/k8s.io"

echo "Fetching the source of Kubernetes $version and Go 1.15"
"$here/fetch_debian.py" source bookworm kubernetes "$tree"
TARGETARCH='' "$here/fetch_debian.py" unpack bullseye "$work/go" golang-1.15-go golang-1.15-src
case $(dpkg-parsechangelog -l "$tree/debian/changelog" -S Version) in
*"really$version"-* | "$version"-*) ;;
*) echo "Debian's source package kubernetes is not version $version" >&2 && exit 1 ;;
esac

# Only what is named here reaches the compiler; GOFLAGS, GOPATH and the like of the caller don't.
unset GOFLAGS GOOS GOARCH GOTMPDIR GOBIN
export GOROOT="$work/go/usr/lib/go-1.15" GOPATH="$work/gopath" GOCACHE="$work/cache" GOENV=off
export GO111MODULE=off CGO_ENABLED=0 HOME="$work" LC_ALL=C
export PATH="$GOROOT/bin:$PATH"
cd "$tree"

# The one generated file that upstream doesn't commit. The generator tells the API rules that it saw broken; upstream
# keeps a list of the known ones, so the comparison shows that exactly the right packages were read.
echo "Generating the OpenAPI definitions"
go build -trimpath -o "$work/openapi-gen" k8s.io/kubernetes/vendor/k8s.io/kube-openapi/cmd/openapi-gen
inputs=$(grep -Rl --include='*.go' '+k8s:openapi-gen=' cmd pkg plugin vendor/k8s.io |
    grep -v -e '^vendor/k8s.io/code-generator/' -e '^vendor/k8s.io/sample-apiserver/' -e '^vendor/k8s.io/kube-openapi/' -e _test.go |
    xargs -n1 dirname | sort -u | sed 's,^,k8s.io/kubernetes/,' | paste -sd,)
"$work/openapi-gen" --logtostderr -i "$inputs" -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi \
    -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$work/violations"
cmp "$work/violations" api/api-rules/violation_exceptions.list

built=$(date -u -d "$(dpkg-parsechangelog -S Date)" +%Y-%m-%dT%H:%M:%SZ)
flags="-s -w -buildid="
for package in client-go/pkg/version component-base/version; do
    symbol="-X k8s.io/kubernetes/vendor/k8s.io/$package"
    flags="$flags $symbol.gitVersion=v$version $symbol.gitMajor=$(echo "$version" | cut -d. -f1)"
    flags="$flags $symbol.gitMinor=$(echo "$version" | cut -d. -f2) $symbol.gitTreeState=archive"
    flags="$flags $symbol.gitCommit=debian $symbol.buildDate=$built"
done

# All at once: what they share is compiled once, and linking one leaves a core for compiling the next.
echo "Compiling $programs for linux/$arch"
packages=$(for program in $programs; do echo "k8s.io/kubernetes/cmd/$program"; done)
# shellcheck disable=SC2086  # one word for each package
GOOS=linux GOARCH=$arch go build -trimpath -ldflags "$flags" -o "$destination/" $packages
echo "Compiled Kubernetes $version"
