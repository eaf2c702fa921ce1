"""The uploaded archive, as Lambda unpacks it, with nothing but boto3 and Lambda's runtime client beside it."""

from pathlib import Path

import boto3

from infra.processor import HANDLER
from tests.infra.recorder import deploy

FUNCTION = "dev-DDBEventProcessor"

_BOTO3 = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3")
_RUNTIME = ("awslambdaric", "runtime_client*.so", "simplejson", "snapshot_restore_py.py")


def unpack_archive(folder: Path) -> tuple[Path, str]:
    """Return the folder of the function's code, and the program that runs it (`python -I -S -c`)."""
    task, site = folder / "task", folder / "site"
    for name, asset in deploy("dev").one("Function").inputs["code"].assets.items():
        (task / name).parent.mkdir(parents=True, exist_ok=True)
        (task / name).write_bytes(Path(asset.path).read_bytes())
    site.mkdir()
    packages = Path(boto3.__file__).parent.parent
    for pattern in (*_BOTO3, *_RUNTIME):
        (package,) = packages.glob(pattern)
        (site / package.name).symlink_to(package)
    return task, (
        f"import sys; sys.path[:0] = [{str(task)!r}, {str(site)!r}]; "
        f"from awslambdaric.__main__ import main; main(['', {HANDLER!r}])"
    )
