#!/usr/bin/env bash
# pulumi 3.272.0 (PyPI): a unit test's mocks see the resource without its `transforms`, and with its `transformations`.
#
# Both options change a resource's inputs before it is registered, and Pulumi's documentation recommends `transforms`
# ("Transformations will be deprecated in the future in favor of Transforms"). Under mocks only the older kind is run:
# the newer one is the engine's to call, the mocked monitor never does so, and no error or warning tells. A rule such as
# tags on every resource is missing in the test that checks it and present in the deployment; after the recommended
# migration the inputs that a test sees are no longer those that are deployed.
#
# Output seen: inputs ['by transformations', 'size'], transform called 0 times
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pulumi==3.272.0

seen=$("$folder/venv/bin/python" -W error::UserWarning - 2>&1 <<'PYTHON'
import pulumi

inputs = []
calls = []


class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        inputs.append(dict(args.inputs))
        return "id", args.inputs

    def call(self, args):
        raise NotImplementedError


pulumi.runtime.set_mocks(Mocks(), preview=False)


def transform(args):
    calls.append(args)
    return pulumi.ResourceTransformResult({**args.props, "by transforms": "yes"}, args.opts)


def transformation(args):
    return pulumi.ResourceTransformationResult({**args.props, "by transformations": "yes"}, args.opts)


@pulumi.runtime.test
def register():
    options = pulumi.ResourceOptions(transforms=[transform], transformations=[transformation])
    return pulumi.CustomResource("test:index:Resource", "resource", {"size": 1}, options).urn


register()
print(f"inputs {sorted(inputs[0])}, transform called {len(calls)} times")
PYTHON
)
echo "$seen"
[ "$seen" = "inputs ['by transformations', 'size'], transform called 0 times" ]
