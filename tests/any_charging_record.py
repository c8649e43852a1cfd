"""Charging records of whatever a mapping reads, drawn at random: most are good, the others damaged."""

import random
from collections import defaultdict

from mediation.decode.cdr_values import CONSTRUCTED
from sources.generate import tlv

DIGITS = "0123456789"
LETTERS = "abcz09 .-+()/~;?@:&%"
URIS = (
    "tel:+4930222", "TEL:+49-30-22.2", "sip:+4930111@ims.example", "sips:bob@x", "sip:bob:pw@x", "tel:",
    "sip:", "tel:+", "tel:+49+1", "tel:-+4930", "tel:123;ext=5", "sip:1@h?x=y", "mailto:a@b", "4930", "+",
    "49 30", "sip", "si:1", "sipx:1", "tel:1:2", ":", "sip:1@2:3", "tel:+" + "1" * 33, "tel:1-" + "1" * 32, "tel:" + "1" * 32,
    "sips:+49.1", "tel:+49/1", "tel:00491", "tel:0049 30", "x~/y",
)  # fmt: skip
TEXTS = (
    *["INVITE"] * 6,
    "REGISTER",
    "MESSAGE",
    "None",
    "internet",
    "1",
    "00",
    "0049",
    "a/b",
    "a~b",
    "",
)


class AnyRecord:
    """Draws octets, and records of a rule of `CdrMapping`."""

    def __init__(self, seed, *, oddity=0.02):
        self.draw = random.Random(seed)
        self._oddity = oddity

    def odd(self, share=1.0):
        return self.draw.random() < self._oddity * share

    def octets(self, most=12):
        return self.draw.randbytes(self.draw.randrange(most))

    def value(self, kind):
        """Octets of a kind; now and then of no kind."""
        if self.odd():
            return self.octets()
        return getattr(self, f"_{kind}")()

    def record(self, rule):
        """A record of TS 32.297 by a rule."""
        fields = self._fields(rule.fields)
        if rule.list_path is not None and self.draw.random() < 0.9:
            for _ in range(2 if self.odd() else 1):
                members = b"".join(
                    self._wrapped(b"\x30", self._tree(self._fields(rule.member_fields)), True)
                    for _ in range(self.draw.choice((0, 1, 1, 2, 3, 7)))
                )
                fields.append((rule.list_path, members, True))
        contents = self._tree(fields)
        body = self._wrapped(tlv._tag(rule.tag, True), contents, True)
        if self.odd(0.5):
            body += self.octets()
        release = self.draw.choice((7, 7, 7, 3))
        head = bytes([release << 5 | 2, 0x27 if not self.odd(0.5) else self.draw.randrange(256)])
        length = len(body) + (self.draw.choice((-1, 1, 300)) if self.odd(0.5) else 0)
        return (
            (max(length, 0) & 0xFFFF).to_bytes(2, "big")
            + head
            + (b"\x08" if release == 7 else b"")
            + body
        )

    def damaged(self, data):
        """The same with a part of it changed, cut or put in."""
        at, data = self.draw.randrange(len(data)), bytearray(data)
        match self.draw.randrange(5):
            case 0:
                data[at] = self.draw.randrange(256)
            case 1:
                data[at] ^= 1 << self.draw.randrange(8)
            case 2:
                del data[at:]
            case 3:
                data[at:at] = self.octets()
            case _:
                del data[at : at + self.draw.randrange(1, 5)]
        return bytes(data)

    def _fields(self, fields):
        found = {}
        for field in fields:
            if self.draw.random() < 0.9:
                value, constructed = self.value(field.kind), field.kind in CONSTRUCTED
                found.setdefault(field.path, (field.path, value, constructed))
            if field.milliseconds is not None and self.draw.random() < 0.7:
                part = tlv.integer(self.draw.choice((0, 5, 40, 999, 1000 if self.odd(9) else 1)))
                found.setdefault(field.milliseconds, (field.milliseconds, part, False))
        made = list(found.values())
        if made and self.odd():
            made.append(self.draw.choice(made))
        if self.draw.random() < 0.3:
            made.append(((self.draw.choice((40, 63, 200)),), self.octets(), False))
        if self.draw.random() < 0.2:
            self.draw.shuffle(made)
        return made

    def _tree(self, fields):
        """The contents of fields by their paths, those of one outer tag in one value."""
        inner, order = defaultdict(list), []
        for path, value, constructed in fields:
            key = path[0] if len(path) > 1 else (path[0], len(order))
            if key not in inner:
                order.append(key)
            inner[key].append((path, value, constructed))
        parts = []
        for key in order:
            if isinstance(key, tuple):
                (((number,), value, constructed),) = inner[key]
                parts.append(self._wrapped(tlv._tag(number, constructed), value, constructed))
            else:
                contents = self._tree([(path[1:], *rest) for path, *rest in inner[key]])
                parts.append(self._wrapped(tlv._tag(key, True), contents, True))
        return b"".join(parts)

    def _wrapped(self, tag, contents, constructed):
        way = self.draw.random()
        if (constructed and way < 0.08) or self.odd(0.2):
            return tag + b"\x80" + contents + b"\0\0"
        if way < 0.12:
            octets = self.draw.randrange(1, 6 if self.odd() else 5)
            size = len(contents) % 256**octets
            return tag + bytes([0x80 | octets]) + size.to_bytes(octets, "big") + contents
        return tag + tlv.length(len(contents)) + contents

    def _integer(self):
        of = self.draw.random()
        if self.odd(3):
            beyond = (-(2**63), 2**63 - 1, 2**64, 10**18, 10**18 + 1)
            return tlv.integer(self.draw.choice((-1, -2, -3, -4, -300, *beyond)))
        return tlv.integer(self.draw.randrange(3 if of < 0.5 else 2 ** self.draw.randrange(1, 50)))

    def _unsigned(self):
        return self.draw.randbytes(
            self.draw.choice((1, 3, 4, 4, 5, self.draw.choice((8, 9)) if self.odd(9) else 4))
        )

    def _digits(self):
        length = 300 if self.odd() else self.draw.randrange(1, 18)
        return tlv.digits("".join(self.draw.choice(DIGITS) for _ in range(length)))

    def _number(self):
        return self.draw.choice((b"\x91", b"\xa1", b"\x11\x80")) + self._digits()

    def _sms_number(self):
        digits = self._digits()
        count = 2 * len(digits) - (digits[-1] >> 4 == 15) - (1 if self.odd() else 0)
        return bytes([min(count, 255), 0xD1 if self.odd() else 0x91]) + digits

    def _time(self):
        at_ms = self.draw.randrange(946_771_200_000, 4_102_358_400_000)
        return tlv.timestamp(
            at_ms // 1000 * 1000 if not self.odd() else 951_782_400_000,
            self.draw.choice((0, 60, 345, -570, 840)),
        )

    _day = _time

    def _text(self):
        if self.odd():
            return self.draw.choice(("é", "x" * 256, "x" * 257, "\0", "ü" * 256)).encode()
        if self.draw.random() < 0.8:
            return self.draw.choice(TEXTS).encode()
        return "".join(self.draw.choice(LETTERS) for _ in range(self.draw.randrange(12))).encode()

    def _hex(self):
        return self.draw.randbytes(200 if self.odd() else self.draw.randrange(9))

    def _network(self):
        return self.draw.choice((b"\x62\xf2\x20", b"\x13\x00\x14", b"\x13\xf0\x14"))

    def _address(self):
        four = self.draw.randbytes(4)
        return self.draw.choice(
            (
                tlv.tlv(0, four),
                tlv.tlv(0, four),
                tlv.tlv(1, self.draw.randbytes(16)),
                tlv.tlv(2, b"10.0.0.7"),
                tlv.tlv(3, b"::1%eth0"),
            )
        )

    def _node(self):
        if self.draw.random() < 0.4:
            return tlv.tlv(1, self._text())
        return tlv.group(0, self._address())

    def _uri(self):
        if self.odd():
            return "sip:é@x".encode()
        if self.draw.random() < 0.8:
            return self.draw.choice(URIS).encode()
        return self._text()
