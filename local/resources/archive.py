"""Pulumi's archives as zip files, the same bytes for the same content."""

import base64
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pulumi

from local.resources.schema import InvalidError, Property

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can say


@dataclass(frozen=True, kw_only=True)
class Archive(Property):
    """A `pulumi.AssetArchive`, or a `pulumi.FileArchive` of a folder."""

    def check(self, path: str, value: Any) -> pulumi.Archive:
        if not isinstance(value, pulumi.Archive):
            raise InvalidError(path, f"{value!r} is not an archive")
        try:
            zipped(value)
        except (OSError, TypeError) as error:
            raise InvalidError(path, str(error)) from None
        return value


def zipped(archive: pulumi.Archive) -> bytes:
    """The archive as a zip file. Raises `OSError` for an unreadable file, `TypeError` for a remote one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in sorted(_members(archive, "")):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            file.writestr(entry, content)
    return buffer.getvalue()


def digest(archive: pulumi.Archive) -> str:
    """The checksum by which Lambda knows the archive: base64 of its SHA-256."""
    return base64.b64encode(sha256(zipped(archive)).digest()).decode()


def _members(asset: pulumi.Archive | pulumi.Asset, name: str) -> Iterator[tuple[str, bytes]]:
    match asset:
        case pulumi.AssetArchive(assets=assets):
            for key, item in assets.items():
                yield from _members(item, f"{name}/{key}" if name else key)
        case pulumi.FileArchive(path=path) if Path(path).is_dir():
            for file in Path(path).rglob("*"):
                if file.is_file():
                    yield from _members(
                        pulumi.FileAsset(file),
                        "/".join(filter(None, [name, file.relative_to(path).as_posix()])),
                    )
        case pulumi.FileAsset(path=path):
            yield name, Path(path).read_bytes()
        case pulumi.StringAsset(text=text):
            yield name, text.encode()
        case _:
            raise TypeError(f"{type(asset).__name__} is not implemented by local AWS; give files or a folder")
