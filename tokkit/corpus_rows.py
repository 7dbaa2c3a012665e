"""The documents of one block as lists: JSON lines and Arrow rows decoded, and what is wrong with one named by its place.

Lines are left to a kernel (`tokkit.corpus_lines`); what that cannot tell is decoded a whole block at once, and only when that
fails too line by line, for the culprits.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
from pyarrow import compute

from tokkit.corpus_files import label_problem
from tokkit.corpus_lines import Texts, bounds_of, find_documents, unquoted
from tokkit.errors import CorpusError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tokkit.corpus_blocks import Block
    from tokkit.corpus_files import Labels

SKIP_HINT = "`--on-error skip` leaves such documents out and reports how many"

_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_JSON_KINDS = {
    "NoneType": "null",
    "bool": "a boolean",
    "dict": "an object",
    "float": "a fraction",
    "int": "a number",
    "list": "an array",
    "str": "a string",
}


@dataclass(frozen=True)
class Rows:
    """The documents of a block, one entry a document; languages or domains are None where the file says them for all."""

    texts: Texts
    ids: list[str]
    languages: list[str] | None
    domains: list[str] | None
    errors: tuple[CorpusError, ...]


def invalid_utf8(data: bytes, error: UnicodeDecodeError, path: str, first_line: int, byte_offset: int) -> CorpusError:
    """Return the error that names the line and the byte of the decompressed file where UTF-8 ends to be valid."""
    line = first_line + data.count(b"\n", 0, error.start)
    reason = f"invalid UTF-8: byte 0x{data[error.start]:02X} ({error.reason})"
    hint = f"convert it to UTF-8, for example with iconv; {SKIP_HINT}"
    return CorpusError(reason, path, line, byte_offset + error.start, hint)


def json_rows(block: Block, labels: Labels, *, stop: bool) -> Rows:
    """Decode a block of JSON lines; blank lines are passed over.

    Raises:
        CorpusError: with `stop`, at the first line that is not a document.
    """
    found = _found(block, labels)
    if found is not None:
        return found
    fields = (labels.text_field, labels.id_field, labels.language_field, labels.domain_field)
    lines = block.data.split(b"\n")
    errors: tuple[CorpusError, ...] = ()
    texts: Texts | None = None
    if labels.text_field != labels.id_field:  # else the id would stay as it stands in the file
        decode, (text_of, id_of, language_of, domain_of) = _decoder(*fields, quoted=True)
        with suppress(*_UNDECODABLE):
            records = [decode(line) for line in lines if line]
            labelled = [get for get in (language_of, domain_of) if get]
            if not any(label_problem(value) for get in labelled for value in set(map(get, records))):
                quoted = list(map(text_of, records))
                bounds = bounds_of(quoted)
                texts = unquoted(np.frombuffer(b"".join(quoted), np.uint8), bounds[:-1].copy(), bounds[1:].copy())
    if texts is None:  # somebody has broken the format, or the decoder that says who is wanted
        _, (text_of, id_of, language_of, domain_of) = _decoder(*fields, quoted=False)
        records, numbers, errors = _judge_lines(block, labels, lines, stop=stop)
        texts = Texts.of(list(map(text_of, records)))
    else:
        numbers = [number for number, line in enumerate(lines, block.first_line) if line]
    return Rows(
        texts,
        _ids(map(id_of, records), numbers, block.file.name),
        list(map(language_of, records)) if language_of else None,
        list(map(domain_of, records)) if domain_of else None,
        errors,
    )


def _found(block: Block, labels: Labels) -> Rows | None:
    """Return the documents of a block that the kernel can tell, None where one of them is for the decoder."""
    label_fields = [field for field in (labels.language_field, labels.domain_field) if field]
    found = find_documents(block.data, labels.text_field, labels.id_field, label_fields)
    if found is None or any(label_problem(value) for column in found.labels for value in set(column)):
        return None
    columns = iter(found.labels)
    return Rows(
        found.texts,
        _ids(found.ids, (block.first_line + found.lines).tolist(), block.file.name),
        next(columns) if labels.language_field else None,
        next(columns) if labels.domain_field else None,
        (),
    )


def _ids(values: Iterable[str | int | None], numbers: Sequence[int], name: str) -> list[str]:
    return [f"{name}:{number}" if value is None else str(value) for value, number in zip(values, numbers, strict=True)]


@cache
def _decoder(
    text_field: str, id_field: str, language_field: str | None, domain_field: str | None, *, quoted: bool
) -> tuple[Callable[[bytes], Any], tuple[Any, Any, Any, Any]]:
    """Return the decoder of a line into a record, and what gets text, id, language and domain out of the record.

    With `quoted`, the text stays as it stands in the file, quotes and all, and nobody has looked whether it is a string.
    """
    tree: dict[str, Any] = {}
    paths: list[str | None] = []
    roles = {"text": text_field, "id": id_field, "language": language_field, "domain": domain_field}
    for role, field in roles.items():
        node, path = tree, []
        *folders, leaf = field.split(".") if field else [""]
        for folder in folders:
            node = node.setdefault(folder, {})
            if not isinstance(node, dict):
                raise InputError(f"field {field}: `{folder}` holds a value and cannot hold `{leaf}` too")
            path.append(folder)
        if field:
            if isinstance(node.get(leaf), dict):
                raise InputError(f"field {field}: it holds other fields and cannot be a value too")
            # A field may play two roles; then the stricter one, a string that must be there, decides.
            if role == "id":
                node.setdefault(leaf, "id")
            else:
                node[leaf] = "quoted" if quoted and role == "text" else "string"
        paths.append(".".join(_attribute(name) for name in [*path, leaf]) if field else None)
    if text_field in {language_field, domain_field}:
        raise InputError(f"field {text_field}: the text cannot be a label too")
    record = _struct(tree)
    get_text, get_id, get_language, get_domain = (attrgetter(path) if path else None for path in paths)
    return msgspec.json.Decoder(record).decode, (get_text, get_id, get_language, get_domain)


def _attribute(name: str) -> str:
    """Return a Python name for any JSON name, so that `attrgetter` can reach it."""
    return "field_" + name.encode().hex()


def _struct(tree: dict[str, Any]) -> Any:
    fields: list[Any] = []
    for name, content in tree.items():
        if isinstance(content, dict):
            inner = _struct(content)
            optional = all(
                field.default is not msgspec.NODEFAULT or field.default_factory is not msgspec.NODEFAULT
                for field in msgspec.structs.fields(inner)
            )
            entry = (
                (_attribute(name), inner, msgspec.field(default_factory=inner))
                if optional
                else (_attribute(name), inner)
            )
        elif content == "id":
            entry = (_attribute(name), str | int | None, None)
        elif content == "quoted":
            entry = (_attribute(name), msgspec.Raw)
        else:
            entry = (_attribute(name), str)
        fields.append(entry)
    return msgspec.defstruct("Record", fields, rename={_attribute(name): name for name in tree}, kw_only=True, gc=False)


def _judge_lines(
    block: Block, labels: Labels, lines: list[bytes], *, stop: bool
) -> tuple[list[Any], list[int], tuple[CorpusError, ...]]:
    """Return the records of the lines that are documents, their line numbers, and an error for each other line."""
    fields = (labels.text_field, labels.id_field, labels.language_field, labels.domain_field)
    decode, getters = _decoder(*fields, quoted=False)
    records, numbers, errors = [], [], []
    offset = block.byte_offset
    for number, line in enumerate(lines, block.first_line):
        reason: str | None = None
        record: Any = None
        error: CorpusError | None = None
        if line.strip():
            try:
                record = decode(line)
                for field, get in zip(fields[2:], getters[2:], strict=True):
                    if get and (problem := label_problem(get(record))):
                        reason = f"field `{field}` {problem}: {get(record)!r}"
            except _UNDECODABLE as failure:
                reason = _reason(line, labels, failure)
                try:
                    line.decode()
                except UnicodeDecodeError as culprit:
                    error = invalid_utf8(line, culprit, block.file.path, number, offset)
            if reason is None:
                records.append(record)
                numbers.append(number)
            else:
                error = error or CorpusError(reason, block.file.path, number, offset, _hint(reason, line, labels))
                if stop:
                    raise error
                errors.append(error)
        offset += len(line) + 1
    return records, numbers, tuple(errors)


def _hint(reason: str, line: bytes, labels: Labels) -> str:
    """Return what helps all lines of a file where the first of them is wrong like this, and what helps if it is the only one."""
    for role in ("text", "language", "domain"):
        if reason.startswith(f"no field `{getattr(labels, f'{role}_field')}`"):
            return f"name the field that holds the {role} after --{role}-field; {SKIP_HINT}"
    if line.lstrip()[:1] == b"[" or line.strip() == b"{":
        return f"one object a line is read: `jq -c '.[]' FILE` makes lines of an array, `jq -c . FILE` of objects; {SKIP_HINT}"
    return SKIP_HINT


def _reason(line: bytes, labels: Labels, failure: Exception) -> str:
    """Say in words why a line is not a document."""
    value: Any = None
    try:
        value = msgspec.json.decode(line)
    except _UNDECODABLE as broken:  # after the place where it was found to be no document
        failure = broken
    if isinstance(failure, msgspec.ValidationError):
        required = (labels.text_field, labels.language_field, labels.domain_field)
        found = (_field_reason(value, field, strings=True) for field in required if field)
        reasons = [reason for reason in (*found, _field_reason(value, labels.id_field, strings=False)) if reason]
        return reasons[0] if reasons else str(failure)
    try:
        json.dumps(json.loads(line), ensure_ascii=False).encode()
    except UnicodeEncodeError as culprit:
        return f"half a surrogate pair: \\u{ord(culprit.object[culprit.start]):04x} is no character"
    except (ValueError, RecursionError):
        pass
    return f"malformed JSON: {failure}"


def _field_reason(value: Any, field: str, *, strings: bool) -> str | None:
    """Return what is wrong with one field of a line's value; an id may be missing, null or a number."""
    holder: Any = value
    for depth, name in enumerate(field.split(".")):
        if not isinstance(holder, dict):
            what = _JSON_KINDS[type(holder).__name__]
            return f"field `{field}`: {what} holds it, not an object" if depth else f"{what}, not an object"
        if name not in holder:
            names = ", ".join(f"`{other}`" for other in holder) or "none"
            return f"no field `{field}`; its fields: {names}" if strings else None
        holder = holder[name]
    if isinstance(holder, str) or (not strings and (holder is None or type(holder) is int)):
        return None
    return f"field `{field}` is {_JSON_KINDS[type(holder).__name__]}, not a string"


def parquet_rows(block: Block, labels: Labels, *, stop: bool) -> Rows:
    """Decode a block of Arrow rows; errors name the row, counted from 1.

    Raises:
        CorpusError: with `stop`, at the first row that is not a document; always, at a column that holds no strings.
    """
    with pa.ipc.open_stream(block.data) as reader:
        batch = reader.read_next_batch()
    fields = [field for field in (labels.text_field, labels.language_field, labels.domain_field) if field]
    columns = {field: _strings(_column(batch, field), field, block.file.path) for field in fields}
    ids = _id_values(_column(batch, labels.id_field), batch.num_rows, labels.id_field, block.file.path)
    good: Sequence[int] = range(batch.num_rows)
    errors: list[CorpusError] = []
    try:
        chosen = {field: [value.decode() for value in values] for field, values in columns.items()}
        problem = any(label_problem(value) for field in fields[1:] for value in set(chosen[field]))
    except (AttributeError, UnicodeDecodeError):  # None has no decode
        problem = True
    if problem:
        good, errors = _judge_rows(block, columns, labels, stop=stop)
        chosen = {field: [values[row].decode() for row in good] for field, values in columns.items()}
    return Rows(
        Texts.of(chosen[labels.text_field]),
        _ids((ids[row] for row in good), [block.first_line + row for row in good], block.file.name),
        chosen[labels.language_field] if labels.language_field else None,
        chosen[labels.domain_field] if labels.domain_field else None,
        tuple(errors),
    )


def _judge_rows(
    block: Block, columns: dict[str, list[bytes | None]], labels: Labels, *, stop: bool
) -> tuple[list[int], list[CorpusError]]:
    """Return the rows that are documents, and an error for each other row."""
    good, errors = [], []
    for row, values in enumerate(zip(*columns.values(), strict=True)):
        reasons = (_value_reason(value, field, labels) for field, value in zip(columns, values, strict=True))
        reason = next((reason for reason in reasons if reason), None)
        if reason is None:
            good.append(row)
            continue
        error = CorpusError(f"row {block.first_line + row}: {reason}", block.file.path, hint=SKIP_HINT)
        if stop:
            raise error
        errors.append(error)
    return good, errors


def _id_values(array: Any, n_rows: int, field: str, path: str) -> list[str | None]:
    """Return the ids as strings, None where a row has none."""
    if array is None:
        return [None] * n_rows
    try:
        values: list[str | None] = array.cast(pa.string()).to_pylist()
    except (ValueError, NotImplementedError):
        raise CorpusError(f"column `{field}` holds {array.type}: it cannot be an id", path) from None
    return values


def _column(batch: Any, field: str) -> Any:
    """Return a column, or a field of a struct column, as an array; None where there is none."""
    if field in batch.schema.names:
        return batch.column(field)
    name, *inner = field.split(".")
    if not inner or name not in batch.schema.names:
        return None
    return compute.struct_field(batch.column(name), inner)


def _strings(array: Any, field: str, path: str) -> list[Any]:
    """Return the values of a column as bytes, None for null."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    bare = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    if not any(is_kind(array.type) for is_kind in (*kinds, *bare)):
        raise CorpusError(f"column `{field}` holds {array.type}, not strings", path)
    values: list[Any] = array.cast(pa.large_binary()).to_pylist()
    return values


def _value_reason(value: bytes | None, field: str, labels: Labels) -> str | None:
    if value is None:
        return f"column `{field}` is null"
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        return f"column `{field}` is invalid UTF-8 at its byte {error.start}"
    if field != labels.text_field and (problem := label_problem(text)):
        return f"column `{field}` {problem}: {text!r}"
    return None
