"""The weights that sam2 publishes, through the cache of huggingface_hub.

Names of repositories and files are those of sam2's own `build_sam.HF_MODEL_ID_TO_FILENAMES`.
HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_ENDPOINT and HF_TOKEN mean what huggingface_hub says.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from vot_memory.errors import InputError


class Published(NamedTuple):
    """Where a model of sam2 is.

    Attributes:
        config: configuration, below the sam2 package. repo: at the hub. file: weights in it.
    """

    config: str
    repo: str
    file: str


_SIZES = {"t": "tiny", "s": "small", "b+": "base-plus", "l": "large"}
SAM2 = {
    f"{family}-{size}": Published(
        f"configs/{family}/{family}_hiera_{size}.yaml",
        f"facebook/{family}-hiera-{word}",
        f"{family}_hiera_{word.replace('-', '_')}.pt",
    )
    for family in ("sam2.1", "sam2")
    for size, word in _SIZES.items()
}


def cached(name: str) -> Path | None:
    """The weights of a published model if they are in the cache; never asks the network."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(SAM2[name].repo, SAM2[name].file)
    return Path(found) if isinstance(found, str) else None


def fetch(name: str) -> Path:
    """The weights of a published model: from the cache, or downloaded into it.

    What is cached is used as it is, so that a run does not depend on the network.

    Raises:
        InputError: they are not cached, and cannot be downloaded.
    """
    if found := cached(name):
        return found
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url

    _, repo, file = SAM2[name]
    absent = f"The weights of {name} are not in the cache {constants.HF_HUB_CACHE}"
    if constants.HF_HUB_OFFLINE:
        raise InputError(
            f"{absent} and HF_HUB_OFFLINE is set: unset it, copy them there, or give "
            f"--checkpoint {file}."
        )
    try:
        # Asked first, since without a network hf_hub_download tries again for minutes.
        wait = constants.HF_HUB_ETAG_TIMEOUT
        size = get_hf_file_metadata(hf_hub_url(repo, file), timeout=wait).size or 0
        sys.stderr.write(
            f"vot-memory: downloading the weights of {name} ({size / 1e6:.0f} MB) from {repo} "
            f"into {constants.HF_HUB_CACHE}\n"
        )
        return Path(hf_hub_download(repo, file))
    except Exception as error:
        raise InputError(
            f"{absent} and cannot be downloaded from {constants.ENDPOINT}/{repo} "
            f"({_reason(error)}): mend that, copy them there, or give --checkpoint {file}."
        ) from error


def _reason(error: Exception) -> str:
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return "it wants its terms accepted there, and a login by `hf auth login`"
    if isinstance(error, errors.LocalEntryNotFoundError):
        return "the connection was lost"
    if isinstance(error, errors.RepositoryNotFoundError | errors.EntryNotFoundError):
        return "there is no such repository or file, or HF_TOKEN may not see it"
    first = str(error).strip().partition("\n")[0].rstrip(".")
    return first or type(error).__name__
