"""Fetches the networks of :mod:`photoreal.modalities.networks`."""

import shutil
from datetime import date
from pathlib import Path
from typing import NamedTuple

from photoreal.datasets.writers import atomic_path, write_json
from photoreal.download import check_sum, download, sha256_of
from photoreal.errors import ConfigError, StorageError
from photoreal.modalities.networks import NETWORKS, Network, expected_sum, lock_file, path_of, recorded
from photoreal.registry import suggest


class Fetched(NamedTuple):
    """A network that is there.

    Attributes:
        path: Its file.
        sha256: What that has.
        is_new: Whether it has just come.
        is_first: Whether nothing could be compared with its checksum, which holds from now on.
    """

    path: Path
    sha256: str
    is_new: bool
    is_first: bool


def find_network(name: str) -> Network:
    """A listed network.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in NETWORKS:
        raise ConfigError(f"no network is called '{name}'{suggest(name, NETWORKS)}")
    return NETWORKS[name]


def fetch_network(name: str, url: str | None = None, sha256: str | None = None, out: str | Path | None = None
                  ) -> Fetched:
    """Put a network into the cache, unless it is there and sound.

    Args:
        name: The listed network.
        url: A mirror to fetch it from.
        sha256: The checksum that it must have, for one of which none is listed.
        out: A file to put it in, besides the cache.

    Raises:
        ConfigError: There is no such network, or ``sha256`` is none, or not the one that is known.
        StorageError: See :func:`photoreal.download.download`.
    """
    network, known = find_network(name), expected_sum(name)
    wanted = check_sum(sha256) if sha256 else known
    if known is not None and wanted != known:
        where = 'listed' if network.sha256 else f'that of the first download, in {lock_file()}'
        raise ConfigError(f'{name}: found --sha256 {wanted}; expected {known}, which is {where}')
    path = path_of(name)
    if known is not None and path.is_file() and sha256_of(path) == known:
        fetched = Fetched(path, known, False, False)
    else:
        try:
            found = download(url or network.url, path, wanted)
        except StorageError as error:
            if known is None or network.sha256 or 'SHA-256' not in str(error):
                raise
            raise StorageError(f"{error}; that is the one of the first download: if the file's makers have replaced "
                               f"it, and you trust them, remove '{name}' from {lock_file()}") from error
        if known is None:
            entry = {'sha256': found, 'url': url or network.url, 'date': date.today().isoformat()}
            write_json(lock_file(), recorded() | {name: entry})
        fetched = Fetched(path, found, True, wanted is None)
    if out is not None:
        with atomic_path(out) as temporary:
            shutil.copyfile(path, temporary)
    return fetched
