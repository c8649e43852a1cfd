"""Where the fields of a charging record stand in its bytes, and what is made of each."""

from __future__ import annotations

from mediation.decode import ber
from mediation.decode.cdr_mapping import Field, Path
from mediation.decode.cdr_values import CONSTRUCTED, INTEGER, KINDS, MEANINGS, TIME, Convert, Made
from schemas.refusal import RefusalReason, Refused


class Layout:
    """The table that finds some fields, and how each is made of what is found."""

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.table: ber.Table = {}
        self._slots: dict[Path, int] = {}
        self.fields = fields
        self.ways: list[tuple[int, Convert]] = [
            (self._slot(field.path, field.kind), KINDS[field.kind]) for field in fields
        ]
        self._places = [at for at, _ in self.ways]
        self.milliseconds = [
            (place, self._slot(field.milliseconds, INTEGER))
            for place, field in enumerate(fields)
            if field.milliseconds is not None
        ]

    def __len__(self) -> int:
        return len(self._slots)

    def _slot(self, path: Path, kind: str) -> int:
        if path not in self._slots:
            self._slots[path] = len(self._slots)
            self.put(path, self._slots[path], constructed=kind in CONSTRUCTED)
        return self._slots[path]

    def put(self, path: Path, entry: int | ber.Members, *, constructed: bool) -> None:
        """Put what is wanted at a path into the table."""
        table = self.table
        for number in path[:-1]:
            tag = ber.tag_of(number, constructed=True)
            inside = table.setdefault(tag, ber.Inside({}))
            assert isinstance(inside, ber.Inside), "the mapping has no field inside another"
            table = inside.table
        table[ber.tag_of(path[-1], constructed=constructed)] = entry

    def made(self, octets: list[ber.Value]) -> list[Made] | Refused:
        """Return the fields of what was found; a refusal where one cannot be of its kind."""
        made: list[Made] = [
            None if (value := octets[at]) is None else convert(value) for at, convert in self.ways
        ]
        # As many are missing as were not there: none is there that could not be read.
        if made.count(None) != [octets[at] for at in self._places].count(None):
            for place, (at, _) in enumerate(self.ways):
                if made[place] is None and octets[at] is not None:
                    return _unreadable(self.fields[place])
        for place, at in self.milliseconds:
            time, part = made[place], octets[at]
            if isinstance(time, int) and part is not None:
                of_second = int.from_bytes(part, "big")
                if of_second > 999:
                    return _unreadable(self.fields[place])
                made[place] = time + of_second
        return made


def _unreadable(field: Field) -> Refused:
    of_time = field.kind in (TIME, "day")
    reason = RefusalReason.INVALID_TIME if of_time else RefusalReason.INVALID_FIELD
    return Refused(reason, f"{field.name} is not {MEANINGS[field.kind]}")
