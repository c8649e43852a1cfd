"""Charging records of 3GPP TS 32.298 in files of TS 32.297: tags to fields, fields to events.

A record gives one event; where its list is split, one for each value of the field it is split by,
with what the members of that value count together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple
from decimal import Decimal

import msgspec

from mediation.decode import ber, cdr_file
from mediation.decode.cdr_layout import Layout
from mediation.decode.cdr_mapping import CdrMapping, Quantity, RecordRule
from mediation.decode.cdr_values import INTEGER, TIME, Made
from mediation.decode.item import MAX_TEXT, DecodedItem, Ignored, Item, Outcome
from mediation.decode.ordinary_record import RuleParts, ignored_by, ordinary_records
from mediation.decode.quantity import scaled
from mediation.decode.written_number import cleaned, is_separated, separated
from mediation.identity import record_id_of
from schemas import raw
from schemas.refusal import RefusalReason, Refused

_EMPTY = Ignored("a block without records")
_HEADER = Ignored("the header of the file")
_THOUSAND = Decimal(1000)
_pack = msgspec.msgpack.Encoder().encode


class CdrDecoder:
    """A mapping of charging records, compiled."""

    def __init__(self, mapping: CdrMapping) -> None:
        self.name = mapping.name
        self.version = mapping.version
        self.digest = mapping.digest
        self.names_columns = False
        self.reads_cdr_files = True
        # Of all records together, as for CloudEvents: one that comes again as another type is no
        # duplicate whose content cannot be compared.
        spec = repr([astuple(rule) for rule in mapping.records]).encode()
        version = int.from_bytes(hashlib.blake2b(b"cdr" + spec, digest_size=2).digest(), "big")
        self._rules = {
            ber.tag_of(rule.tag, constructed=True): _Rule(rule, version) for rule in mapping.records
        }
        self._ignored = {ber.tag_of(tag, constructed=True) for tag in mapping.ignore}
        self._known = ", ".join(f"{rule.name} [{rule.tag}]" for rule in mapping.records)
        self._each_ordinary = ordinary_records(
            rules={tag: rule.parts for tag, rule in self._rules.items()},
            ignored={tag: _left_out(tag) for tag in self._ignored},
            empty=_EMPTY,
            canonical=_canonical,
        )

    def decode(self, value: bytes, headers: Mapping[str, bytes]) -> list[Item]:
        """Return the items of each record; one that is damaged refuses only itself."""
        return list(self.each(value, headers))

    def each(self, value: bytes, headers: Mapping[str, bytes]) -> Iterable[Item]:
        """Return the items of `decode` one after the other."""
        content_type = headers.get(raw.CONTENT_TYPE, b"").decode("ascii", "replace")
        if content_type == raw.CDR_FILE_HEADER:
            return [(0, value, _of_header(value, headers))]
        if content_type == raw.CDR_FILE_REST:
            return [(0, value, _rest(headers))]
        if self._each_ordinary is None:
            return self.records_in_python(value, headers)
        return self._each_ordinary(value, headers, self._in_full)

    def records_in_python(self, value: bytes, headers: Mapping[str, bytes]) -> Iterator[Item]:
        """Yield the items of a block of records, by nothing that is compiled."""
        at = index = 0
        while at < len(value):
            end, outcomes = self._in_full(value, at, headers)
            own = value[at:end]
            for outcome in outcomes:
                yield index, own, outcome
                index += 1
            at = end
        if not index:
            yield 0, value, _EMPTY

    def _in_full(
        self, value: bytes, at: int, headers: Mapping[str, bytes]
    ) -> tuple[int, list[Outcome]]:
        """Return where the record at a byte ends, and its outcomes."""
        span = cdr_file.span(value, at)
        if span.fault:
            return span.end, [_not_ber(span.fault, at, headers, is_rest=span.is_rest)]
        outcomes: list[Outcome] = []
        for outcome in self._read(value, span, headers):
            if isinstance(outcome, Refused) and outcome.reason is not RefusalReason.NOT_BER:
                where = f"{outcome.detail}; the record begins at {_byte(headers, at)}"
                outcome = Refused(outcome.reason, where)
            outcomes.append(outcome)
        return span.end, outcomes

    def _read(
        self, value: bytes, span: cdr_file.Span, headers: Mapping[str, bytes]
    ) -> Iterable[Outcome]:
        assert span.value is not None, "a span without a fault is a value"
        tag, begin, end, _ = span.value
        rule = self._rules.get(tag)
        if rule is None:
            if tag in self._ignored:
                return (_left_out(tag),)
            return (
                Refused(
                    RefusalReason.UNKNOWN_RECORD,
                    f"a record [{ber.number_of(tag)}]; the mapping reads {self._known}",
                ),
            )
        try:
            return rule.read(value, begin, end)
        except ber.Damaged as damage:
            return (_not_ber(damage.why, damage.at, headers),)
        except IndexError:
            return (_not_ber("a value leads past the end", span.begin, headers),)


class _Rule:
    """The rule of one type of record, compiled: fields by their place, those of the list behind."""

    def __init__(self, rule: RecordRule, content_version: int) -> None:
        self._rule = rule
        self._content_version = content_version
        self._record = Layout(rule.fields)
        self._member = Layout(rule.member_fields)
        if rule.list_path is not None:
            members = ber.Members(self._member.table, len(self._member))
            self._record.put(rule.list_path, members, constructed=True)
        names = [field.name for field in (*rule.fields, *rule.member_fields)]
        self._at = {name: place for place, name in enumerate(names)}
        self._of_record = len(rule.fields)
        self._by = tuple(self._at[name] - self._of_record for name in rule.split_by)
        self._none: list[Made] = [None] * len(rule.member_fields)
        self._sums = [
            place
            for place, field in enumerate(rule.member_fields)
            if field.kind == INTEGER and place not in self._by
        ]
        self._times = [
            (place, max if field.name in rule.ended_at else min)
            for place, field in enumerate(rule.member_fields)
            if field.kind == TIME
        ]
        self._started = self._places(rule.started_at)
        self._ended = self._places(rule.ended_at)
        self._identity = self._places(rule.identity)
        self._needed = self._places(rule.identity_needs)
        self._identifiers = self._places(rule.identifiers)
        self._quantities = [(each, self._places(each.fields)) for each in rule.quantities]
        self._texts = [
            (self._places(each.fields), each.remove, each.strip) if each else None
            for each in (rule.origin, rule.destination, rule.service_class)
        ]
        self._attributes = [(name, self._at[field]) for name, field in rule.attributes]
        self._ignore = [(self._at[name], texts, ignored_by(name)) for name, texts in rule.ignore]
        self._products = dict(rule.product.table)
        field = rule.product.field
        self._product_at = None if field is None else self._at[field]

    def _places(self, names: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(self._at[name] for name in names)

    @property
    def parts(self) -> RuleParts:
        """Return what the compiled way is made of."""
        return RuleParts(self._rule, self._record, self._member, self._content_version)

    def read(self, data: bytes, begin: int, end: int) -> list[Outcome]:
        """Return the events of a record; one refusal where one of its fields is no such value.

        `ber.Damaged` where its bytes are no BER.
        """
        octets: list[ber.Value] = [None] * len(self._record)
        members: list[list[ber.Value]] = []
        ber.read(data, begin, end, self._record.table, octets, members)
        values = self._record.made(octets)
        if isinstance(values, Refused):
            return [values]
        for at, texts, ignored in self._ignore:
            if str(values[at]) in texts:
                return [ignored]
        groups = self._groups(members)
        if isinstance(groups, Refused):
            return [groups]
        outcomes: list[Outcome] = []
        for group in groups:
            outcome = self._event([*values, *group])
            if isinstance(outcome, Refused):
                # All or nothing: half a record would be usage that nobody misses.
                return [outcome]
            outcomes.append(outcome)
        return outcomes

    def _groups(self, members: list[list[ber.Value]]) -> list[list[Made]] | Refused:
        """Return the fields of the list, added up for each value of what it is split by, and that."""
        groups: dict[Made, list[Made]] = {}
        for octets in members:
            member = self._member.made(octets)
            if isinstance(member, Refused):
                return member
            key: Made = None
            for at in self._by:
                key = member[at]
                if key is not None:
                    break
            if key is None and self._by:
                return _missing(self._rule.split_by)
            for at in self._sums:
                count = member[at]
                if isinstance(count, int) and count < 0:
                    # Here: added to the others it would not show.
                    return _negative(self._rule.member_fields[at].name)
            group = groups.get(key)
            if group is None:
                groups[key] = member
            else:
                self._add(group, member)
        return [[*group, key] for key, group in groups.items()] or [[*self._none, None]]

    def _add(self, group: list[Made], member: list[Made]) -> None:
        for at in self._sums:
            counted, more = group[at], member[at]
            if isinstance(more, int):
                group[at] = more + counted if isinstance(counted, int) else more
        for at, first_or_last in self._times:
            known, other = group[at], member[at]
            if isinstance(other, int):
                group[at] = first_or_last(known, other) if isinstance(known, int) else other
        for at, value in enumerate(member):
            if group[at] is None:
                group[at] = value

    def _event(self, values: list[Made]) -> DecodedItem | Refused:
        rule = self._rule
        started_ms = _first_time(values, self._started)
        if started_ms is None:
            return _missing(rule.started_at)
        ended_ms = _first_time(values, self._ended)
        quantities: dict[str, Decimal] = {}
        counted: list[tuple[str, str]] = []  # as the content has it
        for quantity, places in self._quantities:
            found = self._quantity(quantity, places, values)
            if found is not None:
                if isinstance(found, Refused):
                    return found
                quantities[quantity.unit] = found
                counted.append((quantity.unit, _canonical(found)))
        identifiers = [str(values[at]) for at in self._identifiers if values[at] is not None]
        if not identifiers:
            return _missing(rule.identifiers)
        product = self._product(values) if self._product_at is not None else rule.product.constant
        if isinstance(product, Refused):
            return product
        assert product is not None
        origin, destination, service_class = self._texts
        texts = [
            _first_text(values, *origin) if origin else None,
            _first_text(values, *destination) if destination else None,
            _first_text(values, *service_class) if service_class else None,
        ]
        for of_number, text in ((rule.origin, texts[0]), (rule.destination, texts[1])):
            if of_number is None or text is None or not of_number.number or text.isdigit():
                continue
            if is_separated(text):
                return separated(text, " or ".join(of_number.fields))
        attributes = {
            name: str(value) for name, at in self._attributes if (value := values[at]) is not None
        }
        identity = ["" if (value := values[at]) is None else str(value) for at in self._identity]
        if self._by:
            identity.append("" if values[-1] is None else str(values[-1]))
        if not any(identity):
            return _missing(rule.identity)
        for at, name in zip(self._needed, rule.identity_needs, strict=True):
            if values[at] is None:
                return _missing((name,))
        record_id = record_id_of(rule.name, *identity)
        if len(record_id) > MAX_TEXT:
            return Refused(
                RefusalReason.INVALID_FIELD,
                f"{' and '.join(rule.identity)} have more than {MAX_TEXT} characters",
            )
        content = (
            rule.name,
            started_ms,
            ended_ms,
            identifiers,
            product,
            counted,
            texts,
            list(attributes.items()),
        )
        return DecodedItem(
            record_id,
            tuple(identifiers),
            started_ms,
            ended_ms,
            product,
            rule.usage_kind,
            quantities,
            texts[0],
            texts[1],
            texts[2],
            attributes,
            _pack(content),
            self._content_version,
        )

    def _product(self, values: list[Made]) -> str | Refused:
        product = self._rule.product
        assert self._product_at is not None, "all its records are of one product"
        found = self._products.get(str(values[self._product_at]), product.constant)
        if found is None:
            return Refused(
                RefusalReason.INVALID_FIELD, f"{product.field} is none of those with a product"
            )
        return found

    def _quantity(
        self, rule: Quantity, places: tuple[int, ...], values: list[Made]
    ) -> Decimal | Refused | None:
        if rule.constant is not None:
            return rule.constant
        if rule.ends is not None:
            total = self._between(values[places[0]], values[self._at[rule.ends]])
        else:
            total = None
            for at in places:
                count = values[at]
                if count is not None:
                    assert isinstance(count, int)
                    if count < 0:
                        return _negative(rule.fields[places.index(at)])
                    total = count if total is None else total + count
            if total is None and places[0] >= self._of_record:
                total = 0  # a list counts what there is: nothing of it is none of it
        if total is None:
            return None if rule.optional else _missing(rule.fields)
        if total < 0:
            return _negative(rule.unit)
        amount = Decimal(total) if rule.ends is None else _seconds(total)
        return amount if rule.factor is None else scaled(amount, rule.factor, field=rule.unit)

    def _between(self, begins: Made, ends: Made) -> int | None:
        """Return the milliseconds between two times; none passed where the first never came."""
        if begins is None:
            return 0
        if not (isinstance(begins, int) and isinstance(ends, int)):
            return None
        return ends - begins


def _first_time(values: list[Made], places: tuple[int, ...]) -> int | None:
    for at in places:
        value = values[at]
        if isinstance(value, int):
            return value
    return None


def _first_text(
    values: list[Made], places: tuple[int, ...], remove: tuple[str, ...], strip: tuple[str, ...]
) -> str | None:
    for at in places:
        value = values[at]
        if value is not None and value != "":
            return cleaned(str(value), remove, strip) or None
    return None


def _seconds(ms: int) -> Decimal:
    return Decimal(ms) / _THOUSAND if ms % 1000 else Decimal(ms // 1000)


def _canonical(value: Decimal) -> str:
    text = str(value)
    if text.isdigit():  # most: octets, whole seconds
        return text
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _left_out(tag: int) -> Ignored:
    return Ignored(f"a record [{ber.number_of(tag)}], which the mapping ignores")


def _missing(fields: tuple[str, ...]) -> Refused:
    return Refused(RefusalReason.MISSING_FIELD, f"{' and '.join(fields)} is missing")


def _negative(field: str) -> Refused:
    return Refused(RefusalReason.NEGATIVE_QUANTITY, f"{field} is negative")


def _not_ber(why: str, at: int, headers: Mapping[str, bytes], *, is_rest: bool = False) -> Refused:
    """Return why bytes are no record; ``at`` is where in the block."""
    place = _byte(headers, at)
    behind = "; nothing behind it in this block is read" if is_rest else ""
    return Refused(RefusalReason.NOT_BER, f"{why}, at {place}{behind}")


def _byte(headers: Mapping[str, bytes], at: int) -> str:
    first = headers.get(raw.FIRST_BYTE, b"")
    if first.isdigit() and len(first) <= 15:
        return f"byte {int(first) + at:,} of the file"
    return f"byte {at:,} of the block"


def _rest(headers: Mapping[str, bytes]) -> Refused:
    why = headers.get(raw.CDR_FAULT, b"").decode("utf-8", "replace")[:MAX_TEXT]
    return _not_ber(f"not read: {why or 'no record begins here'}", 0, headers)


def _of_header(value: bytes, headers: Mapping[str, bytes]) -> Outcome:
    """Return whether what a file states of itself is what its reader found in it."""
    header = cdr_file.file_header(value)
    if isinstance(header, str):
        return Refused(RefusalReason.NOT_BER, f"no file of TS 32.297: {header}")
    records, size = _count(headers, raw.CDR_FILE_RECORDS), _count(headers, raw.CDR_FILE_BYTES)
    if records is None or size is None:
        return Refused(
            RefusalReason.MISSING_HEADER,
            f"a file's header needs {raw.CDR_FILE_RECORDS} and {raw.CDR_FILE_BYTES}",
        )
    wrong = cdr_file.what_is_wrong(header, records=records, file_bytes=size)
    if wrong:
        return Refused(RefusalReason.FILE_INCOMPLETE, f"file {header.sequence}: {wrong}")
    return _HEADER


def _count(headers: Mapping[str, bytes], name: str) -> int | None:
    text = headers.get(name, b"")
    return int(text) if text.isdigit() and len(text) <= 15 else None
