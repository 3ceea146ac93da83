"""The fingerprint of a checkpoint: the same for the same files, another for any other."""

from __future__ import annotations

import shutil

from engine.checkpoints.identity import BLOCK_BYTES, SMALL_BYTES, fingerprint
from tests.support.paths import TINY


def test_a_copy_has_the_same_fingerprint_and_a_changed_weight_another(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(TINY, copy)
    assert fingerprint(copy) == fingerprint(TINY)
    weights = copy / "music_vocoder" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert fingerprint(copy) != fingerprint(TINY)


def test_large_files_count_by_size_start_end_and_blocks(tmp_path):
    path = tmp_path / "large.safetensors"
    data = bytearray(8 * SMALL_BYTES)
    path.write_bytes(data)
    first = fingerprint(path)
    for at in (0, SMALL_BYTES, len(data) - 1, len(data) - BLOCK_BYTES):
        changed = bytearray(data)
        changed[at] = 1
        path.write_bytes(changed)
        assert fingerprint(path) != first
    path.write_bytes(data + b"\0")
    assert fingerprint(path) != first
