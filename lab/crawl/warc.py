"""The source `warc`: WARC files that exist. In: local paths, globs or fsspec URLs. Out: a manifest of them."""

import glob
import hashlib
import os
from pathlib import Path
from typing import IO

import fsspec

from lab.download import RemoteFile
from lab.errors import InputError
from lab.files import write_json
from lab.params import CrawlParams, EngineParams


def is_url(path: str) -> bool:
    return "://" in path


def open_stream(path: str) -> IO[bytes]:
    """Open a local path or URL for random access. InputError if that fails."""
    if path.startswith(("http://", "https://")):
        return RemoteFile(path)
    try:
        return fsspec.open(path, "rb").open() if is_url(path) else open(path, "rb")
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{path}: can't be opened ({error}). Check crawl.paths of params.yaml.") from None


def crawl(out: Path, params: CrawlParams, engine: EngineParams) -> dict:
    """Write out/manifest.json for the files of crawl.paths; returns metrics."""
    return write_manifest(out, params.paths, source="warc")


def write_manifest(out: Path, paths: list[str], **head: str) -> dict:
    """Write out/manifest.json, with `head` before its files; returns metrics."""
    files = manifest(paths)["files"]
    write_json(out / "manifest.json", {**head, "files": files})
    return {"source": head["source"], "files": len(files), "bytes": sum(file["bytes"] for file in files)}


def manifest(paths: list[str]) -> dict:
    """{"files": [{"path", "bytes", "sha256"}]} in the order given, globs sorted. InputError names a missing file."""
    files: dict[str, dict] = {}
    for path in paths:
        for name in [path] if is_url(path) else sorted(glob.glob(path, recursive=True)) or [path]:
            if not is_url(name) and not os.path.isfile(name):
                raise InputError(f"{name}: no such WARC file. Correct crawl.paths of params.yaml.")
            with open_stream(name) as stream:
                digest = None if is_url(name) else hashlib.file_digest(stream, "sha256").hexdigest()
                files[name] = {"path": name, "bytes": stream.seek(0, os.SEEK_END), "sha256": digest}
    return {"files": list(files.values())}
