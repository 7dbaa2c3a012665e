"""Tell what `export` wrote, and what the people of each runtime have to know of it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from tokkit.render import talk
from tokkit.render.summary import Summary, of_vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.agreement import Agreement
    from tokkit.export import Export
    from tokkit.vocabulary import Vocabulary


def of_export(vocabulary: Vocabulary, exports: Sequence[Export], path: str) -> Summary:
    """Return what was written, and for SentencePiece and GGUF what the files cannot say."""
    lines: list[str] = []
    document: dict[str, Any] = {"vocabulary": of_vocabulary(vocabulary), "output": path}
    if [str(each.path) for each in exports] != [path]:
        document["outputs"] = {each.format: str(each.path) for each in exports}
    for each in exports:
        lines.append(f"wrote {talk.counted(vocabulary.n_vocab, 'entry', 'entries')} to {each.path}")
        lines += _plugin_lines(vocabulary, each) + _sentencepiece_lines(each) + _gguf_lines(vocabulary, each)
        if each.sentencepiece is not None:
            document["sentencepiece"] = _sentencepiece_document(each)
        if each.converter is not None:
            document["llama_cpp"] = _gguf_document(each)
    return Summary(tuple(lines), document)


def _plugin_lines(vocabulary: Vocabulary, export: Export) -> list[str]:
    if export.format != "tiktoken-plugin":
        return []
    # Without a separator pip takes a name for that of a package of its index.
    folder = shlex.quote(str(export.path) if export.path.is_absolute() else f"./{export.path}")
    return [f"pip install {folder}, and tiktoken.get_encoding({vocabulary.name!r}) finds it"]


def _sentencepiece_lines(export: Export) -> list[str]:
    written = export.sentencepiece
    if written is None:
        return []
    lines = ["every id is kept; the split pattern is not: SentencePiece has none"]
    if written.partial:
        number = talk.counted(len(written.partial), "token of partial characters", "tokens of partial characters")
        lines.append(f"not expressible: {number}; text becomes single bytes there")
    if written.marked:
        number = talk.counted(len(written.marked), "token")
        lines.append(
            f"not expressible: {number} with U+2581, which stands for a space, or spelled as a piece of its own"
        )
    if export.unreached:
        number = talk.counted(len(export.unreached), "token")
        lines.append(f"not reached: {number} that only bytes would merge into, id {export.unreached[0]} the first")
    if written.appended:
        number = talk.counted(written.appended, "piece")
        lines.append(f"appended {number} that the format demands: {len(written.model.pieces):,} entries in all")
    if export.agreement is None:
        return [*lines, "not compared: the package sentencepiece is not installed; pip install 'tokkit[formats]'"]
    return [*lines, _agreement_line(export.agreement)]


def _agreement_line(found: Agreement) -> str:
    if not found.tokens:
        return "not compared: the sample is empty"
    texts = f"{found.same_texts:,} of {talk.counted(found.texts, 'text')} alike ({found.same_texts / found.texts:.1%})"
    tokens = f"{found.same_tokens / found.tokens:.2%} of {talk.counted(found.tokens, 'token')}"
    return f"segmented in the sample: {texts}, {tokens}; {found.other_tokens / found.tokens - 1:+.2%} tokens"


def _sentencepiece_document(export: Export) -> dict[str, Any]:
    written, found = export.sentencepiece, export.agreement
    assert written is not None
    return {
        "entries": len(written.model.pieces),
        "appended": written.appended,
        "partial_characters": list(written.partial),
        "not_expressible": list(written.marked),
        "not_reached": list(export.unreached),
        "sample": None
        if found is None
        else {
            "texts": found.texts,
            "same_texts": found.same_texts,
            "tokens": found.tokens,
            "same_tokens": found.same_tokens,
            "sentencepiece_tokens": found.other_tokens,
        },
    }


def _gguf_lines(vocabulary: Vocabulary, export: Export) -> list[str]:
    found, converter = export.pre_tokenizer, export.converter
    if found is None or converter is None:
        return []
    lines = list(found.differences)
    if found.name is None:
        lines.append(
            f"it refuses the file until its src/llama-vocab.cpp knows {vocabulary.name!r} with this pattern: {vocabulary.pattern}"
        )
    else:
        lines.append(f"llama.cpp's pre-tokenizer: {found.name}" + ("" if lines else ", which splits alike"))
    if not export.end_is_named:
        lines.append(
            "no special token is named as the end of a text: llama.cpp takes id 11 for it; tokkit rename can name a spare "
            "<|endoftext|>"
        )
    if converter.known_as is not None:
        return [*lines, f"llama.cpp's converter knows its hash as {converter.known_as}: {converter.digest}"]
    return [
        *lines,
        "to convert a model with llama.cpp, add to get_vocab_base_pre of its conversion/base.py:",
        *converter.lines,
    ]


def _gguf_document(export: Export) -> dict[str, Any]:
    found, converter = export.pre_tokenizer, export.converter
    assert found is not None
    assert converter is not None
    return {
        "pre_tokenizer": found.name,
        "differences": list(found.differences),
        "hash": converter.digest,
        "known_as": converter.known_as,
        "converter_lines": list(converter.lines),
        "end_of_text_is_named": export.end_is_named,
    }
