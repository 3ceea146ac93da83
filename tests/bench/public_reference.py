"""The public ACE-Step v1 implementation as a peer, from a checkout that ACESTEP_REFERENCE names.

It imports torchaudio and torchvision, of which a CPU environment may have none: ACESTEP_REFERENCE_SHIMS names a folder
with stand-ins. They go on the path after diffusers and transformers were imported, since these look for both.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

VARIABLE = "ACESTEP_REFERENCE"
SHIMS_VARIABLE = "ACESTEP_REFERENCE_SHIMS"
NEEDS = (
    f"Set {VARIABLE} to a checkout of github.com/ace-step/ACE-Step and run in an environment that also has "
    "librosa, spacy, py3langid, loguru and peft."
)


def checkout() -> Path | None:
    """The checkout that the environment names."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def vocabulary() -> Path:
    """The lyric vocabulary in the checkout."""
    folder = checkout()
    assert folder is not None, NEEDS
    return folder / "acestep" / "models" / "lyrics_utils" / "vocab.json"


def load_pipeline(checkpoint: Path, dtype: str = "float32") -> Any:
    """Its pipeline with the weights of `checkpoint`. Its lyric encoder's sizes are bound to the checkpoint's."""
    import diffusers
    import transformers
    from diffusers import AutoencoderDC
    from transformers import AutoTokenizer, UMT5EncoderModel

    assert diffusers and transformers and AutoencoderDC and AutoTokenizer and UMT5EncoderModel
    shims, folder = os.environ.get(SHIMS_VARIABLE), checkout()
    assert folder is not None, NEEDS
    sys.path += [*([shims] if shims else []), str(folder)]
    from acestep.models import ace_step_transformer  # type: ignore[import-not-found]
    from acestep.pipeline_ace_step import ACEStepPipeline  # type: ignore[import-not-found]
    from loguru import logger  # type: ignore[import-not-found]

    logger.remove()
    sizes = json.loads((checkpoint / "ace_step_transformer" / "config.json").read_text()).get("lyric_encoder_config")
    if sizes:
        encoder = ace_step_transformer.LyricEncoder
        ace_step_transformer.LyricEncoder = functools.partial(encoder, **sizes)
    pipeline = ACEStepPipeline(str(checkpoint), dtype=dtype)
    pipeline.load_checkpoint(str(checkpoint))
    return pipeline


def run(pipeline: Any, **arguments: Any) -> Any:
    """One run, without its progress bars. Gives its final latents (B, 8, 16, T)."""
    kept: list[Any] = []
    decode = pipeline.latents2audio

    def latents2audio(*args: Any, **kwargs: Any) -> Any:
        kept.append(kwargs["latents"].float().cpu())
        return decode(*args, **kwargs)

    pipeline.latents2audio = latents2audio
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            pipeline(**arguments)
    finally:
        del pipeline.latents2audio
    return kept[0]
