"""Converts Pulumi's archives to zip files, with the same bytes for the same content."""

import base64
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pulumi

from local.pulumi.provider.schema import InvalidError, Property

# The zip's content: by name, the path of a local file or the text itself.
Manifest = Mapping[str, Mapping[str, str]]

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can represent


@dataclass(frozen=True, kw_only=True)
class Archive(Property):
    """A `pulumi.AssetArchive`, or a `pulumi.FileArchive` of a folder.

    Its canonical form is a manifest, not an archive: the engine passes an archive's content in some calls
    only, and by then the files may have changed.
    """

    def check(self, path: str, value: Any) -> Manifest:
        if not isinstance(value, pulumi.Archive):
            raise InvalidError(path, f"{value!r} is not an archive")
        manifest = {}
        for name, asset in _assets(path, value, ""):
            match asset:
                case pulumi.FileAsset(path=file) if Path(file).is_file():
                    manifest[name] = {"path": str(file)}
                case pulumi.FileAsset(path=file):
                    raise InvalidError(f"{path}.{name}", f"file {file} does not exist")
                case pulumi.StringAsset(text=text):
                    manifest[name] = {"text": text}
                case _:
                    raise InvalidError(f"{path}.{name}", f"{type(asset).__name__} is not implemented")
        return manifest


def zipped(manifest: Manifest) -> bytes:
    """Build the zip file that a manifest describes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in sorted(manifest.items()):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            file.writestr(entry, content["text"] if "text" in content else Path(content["path"]).read_bytes())
    return buffer.getvalue()


def checksum(manifest: Manifest) -> str:
    """Return Lambda's checksum of a zip file: base64 of its SHA-256."""
    return base64.b64encode(sha256(zipped(manifest)).digest()).decode()


def _assets(path: str, archive: pulumi.Archive, prefix: str) -> Iterator[tuple[str, pulumi.Asset]]:
    match archive:
        case pulumi.AssetArchive(assets=assets):
            for name, item in assets.items():
                if isinstance(item, pulumi.Archive):
                    yield from _assets(path, item, f"{prefix}{name}/")
                else:
                    yield prefix + name, item
        case pulumi.FileArchive(path=folder) if Path(folder).is_dir():
            for file in Path(folder).rglob("*"):
                if file.is_file():
                    yield prefix + file.relative_to(folder).as_posix(), pulumi.FileAsset(str(file))
        case _:
            raise InvalidError(path, "is neither an AssetArchive nor a FileArchive of a folder")
