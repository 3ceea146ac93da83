"""A SentencePiece unigram model (its protocol buffer's bytes) to a fast tokenizer. Knows no files and no T5 but `</s>`.

Field numbers are from sentencepiece_model.proto of google/sentencepiece: ModelProto 1 pieces (1 piece, 2 score),
2 trainer_spec (3 model_type, 35 byte_fallback, 40 unk_id), 3 normalizer_spec (2 precompiled_charsmap,
3 add_dummy_prefix, 4 remove_extra_whitespaces).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.errors import CheckpointError

if TYPE_CHECKING:
    from tokenizers import Tokenizer, normalizers

UNIGRAM = 1
END = "</s>"
SPACE = "\N{LOWER ONE EIGHTH BLOCK}"

Value = int | bytes


def tokenizer_from_sentencepiece(model: bytes, where: str) -> Tokenizer:
    """Make the tokenizer, which appends `</s>`. Raises CheckpointError where the bytes are no unigram model."""
    try:
        fields = list(read_fields(model))
        pieces = [_piece(value) for number, value in fields if number == 1 and isinstance(value, bytes)]
        trainer, normalizer = (_message(fields, number) for number in (2, 3))
    except (IndexError, struct.error, UnicodeDecodeError, ValueError) as error:
        raise _no_model(where, error) from error
    if not pieces or trainer.get(3, UNIGRAM) != UNIGRAM or END not in dict(pieces):
        raise CheckpointError(f"{where}: is no unigram model with {END}. Put a tokenizer.json beside the checkpoint.")
    try:
        return _build(pieces, trainer, normalizer)
    except Exception as error:  # tokenizers raises bare Exception
        raise _no_model(where, error) from error


def _no_model(where: str, error: Exception) -> CheckpointError:
    return CheckpointError(f"{where}: is no SentencePiece model ({error}). Download the file again.")


def read_fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """Fields of a protocol buffer message: number and value (varint or raw bytes)."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        kind = tag & 7
        if kind == 0:
            value, place = _varint(data, place)
            yield tag >> 3, value
            continue
        size, place = (8, place) if kind == 1 else (4, place) if kind == 5 else _varint(data, place)
        if kind not in (1, 2, 5) or place + size > len(data):
            raise ValueError(f"wire type {kind} at byte {place}")
        yield tag >> 3, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value, shift = 0, 0
    while shift < 70:  # of 64 bits
        byte = data[place]
        value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
        if byte < 128:
            return value, place
    raise ValueError(f"a number without an end at byte {place}")


def _message(fields: list[tuple[int, Value]], number: int) -> dict[int, Value]:
    return {
        key: value for n, data in fields if n == number and isinstance(data, bytes) for key, value in read_fields(data)
    }


def _piece(data: bytes) -> tuple[str, float]:
    fields = dict(read_fields(data))
    text, score = fields.get(1), fields.get(2, b"\0\0\0\0")
    if not isinstance(text, bytes) or not isinstance(score, bytes):
        raise ValueError("a piece without text or score")
    return text.decode("utf-8"), float(struct.unpack("<f", score)[0])


def _build(pieces: list[tuple[str, float]], trainer: dict[int, Value], normalizer: dict[int, Value]) -> Tokenizer:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    model = models.Unigram(pieces, int(trainer.get(40, 0)), bool(trainer.get(35, 0)))
    tokenizer = Tokenizer(model)
    prepend = "always" if normalizer.get(3, 1) else "never"
    tokenizer.normalizer = _normalizer(normalizer)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, prepend)
    tokenizer.decoder = decoders.Metaspace(SPACE, prepend)
    end = [text for text, _ in pieces].index(END)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[(END, end)])
    tokenizer.add_special_tokens([AddedToken(END, normalized=False)])
    return tokenizer


def _normalizer(spec: dict[int, Value]) -> normalizers.Normalizer:
    from tokenizers import Regex, normalizers

    charsmap = spec.get(2, b"")
    steps: list[normalizers.Normalizer] = []
    if isinstance(charsmap, bytes) and charsmap:
        steps.append(normalizers.Precompiled(charsmap))
    if spec.get(4, 1):
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    return normalizers.Sequence(steps)
