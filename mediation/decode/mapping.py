"""Reading a mapping: a YAML text, with what it extends, becomes a decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mediation.decode.cdr import CdrDecoder
from mediation.decode.cdr_mapping import CdrMapping, cdr_mapping
from mediation.decode.cloudevents import CloudEventsDecoder
from mediation.decode.cloudevents_mapping import CloudEventsMapping, cloudevents_mapping
from mediation.decode.delimited import DelimitedDecoder
from mediation.decode.delimited_mapping import DelimitedMapping, delimited_mapping
from mediation.decode.document import InvalidMapping, Part, Problem, read_document
from mediation.decode.item import Decoder
from schemas.ids import digest_of

DELIMITED = "delimited"
CLOUDEVENTS = "cloudevents"
CDR = "3gpp-cdr"
_MAX_VERSION = 999_999

AnyMapping = DelimitedMapping | CloudEventsMapping | CdrMapping

_READ: dict[str, Callable[..., AnyMapping]] = {
    DELIMITED: delimited_mapping,
    CLOUDEVENTS: cloudevents_mapping,
    CDR: cdr_mapping,
}


def load_mapping(
    text: str, file_name: str, *, extends: Mapping[str, str] | None = None
) -> AnyMapping:
    """Return the mapping of a YAML text; `InvalidMapping` names every problem with its line.

    ``extends`` holds the texts of the mappings that it may extend, by name. A key of the text
    stands for the whole key of what it extends.
    """
    problems: list[Problem] = []
    texts: list[str] = []
    root = read_document(text, file_name, problems)
    fields = _with_parents(root, text, extends or {}, texts, problems)
    if root is None:
        raise InvalidMapping(problems)
    kind, name, version = (fields.pop(key, None) for key in ("kind", "name", "version"))
    for key, part in (("kind", kind), ("name", name), ("version", version)):
        if part is None:
            root.problem(f"a key {key}", found="none")
    if kind is None or name is None or version is None:
        raise InvalidMapping(problems)
    mapping: AnyMapping = _READ[kind.choice(tuple(_READ))](
        root,
        fields,
        name=name.code(),
        version=version.whole_number(at_least=1, at_most=_MAX_VERSION),
        digest=digest_of(*(part.encode() for part in texts))[:8].hex(),
    )
    if problems:
        raise InvalidMapping(problems)
    return mapping


def load_decoder(text: str, file_name: str, *, extends: Mapping[str, str] | None = None) -> Decoder:
    """Return the decoder of a YAML text; `InvalidMapping` as `load_mapping`."""
    mapping = load_mapping(text, file_name, extends=extends)
    if isinstance(mapping, DelimitedMapping):
        return DelimitedDecoder(mapping)
    if isinstance(mapping, CdrMapping):
        return CdrDecoder(mapping)
    return CloudEventsDecoder(mapping)


def _with_parents(
    root: Part | None,
    text: str,
    known: Mapping[str, str],
    texts: list[str],
    problems: list[Problem],
) -> dict[str, Part]:
    """Return the keys of a document over those of what it extends, and so on up."""
    texts.append(text)
    fields = root.fields() if root is not None else {}
    extends = fields.pop("extends", None)
    if extends is None:
        return fields
    name = extends.text("the name of a mapping")
    parent_text = known.get(name)
    if parent_text is None:
        extends.problem(f"one of the mappings {', '.join(sorted(known))}")
        return fields
    if parent_text in texts:
        extends.problem("a mapping that does not extend this one", found=repr(name))
        return fields
    for key in ("name", "version"):
        if root is not None and key not in fields:
            root.problem(f"a key {key}: what extends a mapping is another one", found="none")
    parent = read_document(parent_text, f"{name}.yaml", problems)
    return {**_with_parents(parent, parent_text, known, texts, problems), **fields}
