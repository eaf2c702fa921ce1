#!/bin/bash
# Makes sure that there is a Pulumi CLI: the one on PATH, or one built with Go into .pulumi/bin, once.
# Exit codes: 0 there is one, 1 the build failed, 2 neither pulumi nor Go is installed,
# 3 the modules to build from cannot be downloaded here.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$PWD/.pulumi/bin
needed_go=$(sed -n 's/^go //p' tools/pulumi/go.mod)
# The committed checksums hold, no other toolchain is fetched, and it does not matter whose clone this is.
export GOFLAGS="${GOFLAGS:-} -mod=readonly -buildvcs=false" GOTOOLCHAIN=local

if installed=$(command -v pulumi) && [[ $installed != "$bin"/* ]]; then
  echo "Using $installed ($(pulumi version))."
  exit 0
fi
# Copied last, and so the sign that the build of these versions went through.
built=$bin/pulumi-language-python-exec
[[ $built -nt tools/pulumi/go.mod && $built -nt tools/pulumi-language-python/go.mod ]] && exit 0

have_go=$(go env GOVERSION 2>/dev/null || true)
if [[ -z $have_go || $(printf '%s\n' "go$needed_go" "$have_go" | sort -V | head -1) != "go$needed_go" ]]; then
  cat >&2 <<EOF
No Pulumi CLI was found. Either install it (https://www.pulumi.com/docs/install/) and see that \`pulumi\`
is on PATH, or install Go $needed_go or later (https://go.dev/doc/install) and run \`make engine\` again,
which builds the CLI from its source${have_go:+; the Go found here is ${have_go#go}}.
EOF
  exit 2
fi

cli=github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
host=github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python
for build in "pulumi $cli" "pulumi-language-python $host"; do
  read -r module package <<<"$build"
  # Lists, and so downloads, what the build needs: a small part of what the module files name.
  if ! log=$(go -C "tools/$module" list -deps "$package" 2>&1 >/dev/null); then
    echo "Pulumi's Go modules cannot be downloaded here: $(tail -1 <<<"$log")" >&2
    exit 3
  fi
done

echo "Building the Pulumi CLI into .pulumi/bin with ${have_go/go/Go }: about six minutes on two cores, once ..."
mkdir -p "$bin"
version=$(go -C tools/pulumi list -m -f '{{.Version}}' github.com/pulumi/pulumi/pkg/v3)
sdk=$(go -C tools/pulumi list -m -f '{{.Dir}}' github.com/pulumi/pulumi/sdk/v3)
go -C tools/pulumi build -o "$bin/" \
  -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$version" \
  "$cli"
go -C tools/pulumi-language-python build -o "$bin/" -ldflags "-s -w" "$host"
install -m 755 "$sdk/python/cmd/pulumi-language-python-exec" "$built"
echo "Built Pulumi $version."
