"""Raw records of every kind that normalise knows, drawn from a seed: what its bytes are held by.

Made here, not by `ratemill generate`: what that writes may change, these may not.
"""

import random

from mediation.decode.mapping import load_decoder
from schemas import raw
from schemas.raw import ClosePeriodCommand, FileEnd, command_to_json, file_end_to_json
from tests.mediation_world import DAY_MS, MAPPINGS, NOON, MemoryStage

SITE = """
kind: delimited
name: site
version: 3
header: line
delimiter: ";"
encoding: latin-1
columns: [call, began, who, ns, kind]
optional_columns: [ended, via, grade, note]
times: {formats: [iso, epoch_s, "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M"], zone: Europe/Berlin}
started_at: [began, ended]
ended_at: [ended]
identity: [[call, via], [call], row]
identifiers: [who, via]
product: {column: kind, table: {v: voice, m: message}}
usage_kind: session
quantities:
  s: {column: ns, multiply_by: "0.001"}
  record: {constant: "1"}
  cells: {column: grade, optional: "yes"}
service_class: grade
origin: {column: who, strip: ["+"]}
attributes: {note: note}
ignore: {kind: [test]}
"""
DEVICES = """
kind: cloudevents
name: devices
version: 2
identifiers: [subject, deviceid, data.owner]
missing_time: append_time
types:
  reading:
    product: energy
    usage_kind: energy
    quantities: {Wh: {path: data.reading.kwh, multiply_by: "1000"}, n: {path: data.n, optional: "yes"}}
    ended_at: data.until
    origin: data.from
    destination: {path: data.to, strip: ["+", "00"]}
    service_class: deviceclass
    attributes: {flag: data.flag, zone: data.zone}
  tick:
    product: ticks
    usage_kind: event
    quantities: {record: {constant: "1"}}
    identifiers: [data.owner]
"""
ALL = MAPPINGS | {
    "site": load_decoder(SITE, "site.yaml"),
    "devices": load_decoder(DEVICES, "devices.yaml"),
}
WHO = ("dev-1", "dev-2", "cust-1", "2001", "4930111", "37255501", "37255502", "meter-9", "nobody")
ZONES = (None, "Europe/Berlin", "Europe/London", "America/New_York", "UTC", "Mars/Olympus")
# Around noon of 2026-03-01, the hours of both changes of clocks, out of the window, no time at all.
TIMES = (
    "2026-03-01 11:59:{:02d}",
    "2026-02-28 23:{:02d}:10",
    "2026-03-01T09:30:{:02d}+01:00",
    "2026-03-01 10:00:{:02d}.250",
    "2026-01-15 07:{:02d}:00",
    "2026-03-02 02:30:{:02d}",
    "2025-10-26 02:30:{:02d}",
    "2026-03-29 02:30:{:02d}",
    "9999-01-01 00:00:{:02d}",
    "2026-13-01 00:00:{:02d}",
    "yesterday {:02d}",
    "",
)
BREAKS = (
    b"",
    b'"',
    b",",
    b"\r",
    b"\0",
    b"\xff",
    b"-",
    b"{",
    b"e5",
    "é".encode(),
    b" ",
    b"\xef\xbb\xbf",
)


class Draw(random.Random):
    """Draws that are the same in every version of Python."""

    def one(self, values):
        return values[int(self.random() * len(values))]

    def chance(self, percent):
        return self.random() * 100 < percent

    def whole(self, below):
        return int(self.random() * below)


def printed(draw):
    pattern = TIMES[draw.whole(4)] if draw.chance(80) else draw.one(TIMES)
    return pattern.format(draw.whole(60))


def seconds(draw):
    return (
        str(draw.whole(500))
        if draw.chance(95)
        else draw.one(["-5", "1e3", "0", "12.50", "x", "-0"])
    )


def asterisk(draw, *, custom=False):
    who, serial = draw.one(WHO), draw.whole(400)
    epoch = 1772366400 - 3600 + serial  # 11:00 UTC and on; the wall says 12:00 or else
    start = f"2026-03-01 12:{serial // 60:02d}:{serial % 60:02d}"
    start = start if draw.chance(90) else printed(draw)
    answer = start if draw.chance(80) else draw.one(["", printed(draw)])
    cells = {
        "accountcode": draw.one(["", who]),
        "src": who,
        "dst": draw.one(["4930222", "+4930222", "00441632", "44/1~2"]),
        "dcontext": draw.one(["default", ""]),
        "clid": f'""{who}"" <{who}>',
        "channel": f"PJSIP/{who}-{serial:08x}",
        "dstchannel": "PJSIP/trunk",
        "lastapp": "Dial",
        "lastdata": "x,60,gT",
        "start": start,
        "answer": answer,
        "end": draw.one([start, printed(draw)]),
        "duration": seconds(draw),
        "billsec": seconds(draw),
        "disposition": draw.one(["ANSWERED"] * 9 + ["SHIFTED"]),
        "amaflags": "DOCUMENTATION",
        "uniqueid": f"{draw.one(['pbx-', '', 'x'])}{epoch}.{serial}" if draw.chance(90) else "",
        "userfield": "",
        "sequence": str(serial),
    }
    names = list(cells)
    if custom:
        names = ["clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata"]
        names += ["start", "answer", "end", "duration", "billsec", "disposition", "amaflags"]
        names += ["accountcode", "uniqueid", "userfield", "sequence"]
    else:
        names = names[: draw.one([16, 18, 18, 18])]
    return ",".join(f'"{cells[name]}"' for name in names)


def freeswitch(draw):
    who = draw.one(WHO)
    began = printed(draw) if draw.chance(85) else "2026/2/10 22:41"
    cells = [f"Büro, {who}", who, draw.one(["+4930222", "0044163", "49301"]), "default", began]
    cells += [draw.one([began, ""]), draw.one([began, printed(draw)]), seconds(draw), seconds(draw)]
    cells += ["NORMAL_CLEARING", f"uuid-{draw.whole(300)}" if draw.chance(97) else "", ""]
    cells += [draw.one([who, "", "2001"]), "PCMA", draw.one(["PCMA", "x" * 300])]
    return '"' + '","'.join(cells) + '"'


def site(draw):
    began = draw.one(
        [printed(draw), "1772366400", "1.3.2026 10:15:20", "1.3.2026 10:15", "01.13.2026 1:1"]
    )
    cells = [f"c{draw.whole(60)}" if draw.chance(90) else "", began, draw.one(WHO)]
    cells += [
        draw.one(["1500", "1", "", "0.001", "9" * 28, "-1"]),
        draw.one(["v", "m", "test", "z"]),
    ]
    cells += [
        "",
        draw.one(["", "4930111"]),
        draw.one(["", "3", "gold"]),
        draw.one(["", "é", "n" * 257]),
    ]
    return ";".join(cells)


def cloud_event(draw, *, devices=False):
    at = printed(draw).replace(" ", "T") + draw.one(["Z", "Z", "z", "", "+02:00"])
    who, number = draw.one(WHO), draw.whole(300)
    value = draw.one(
        [str(number), f'"{number}"', "12.0", "1.50", "-5", '"many"', "null", "1e2", "true", "[1]"]
    )
    if draw.chance(75):
        value = str(number)
    data = {
        "bytes": value,
        "kwh": value,
        "duration": value,
        "seconds": value,
        "apn": '"iot"',
        "network": draw.one(['"lte"', "5", "true", "1.5", '""', "{}"]),
        "until": f'"{at}"',
        "to": '"+4930"',
        "meter": '"m"',
        "direction": '"in"',
        "path": '"/v1"',
        "owner": f'"{who}"',
        "n": "3",
        "flag": "false",
        "from": '"0049"',
        "zone": "1e40",
    }
    data["reading"] = '{"kwh":' + value + "}"
    kept = [name for name in data if draw.chance(90)]
    types = [
        "sensor.data",
        "device.message",
        "com.example.meter.energy",
        "api-calls",
        "video.watched",
    ]
    fields = {
        "specversion": '"1.0"' if draw.chance(98) else draw.one(['"0.3"', "1"]),
        "id": f'"{number}"' if draw.chance(98) else '""',
        "source": draw.one(['"gate/1"', '"gate~"', '"meters"']),
        "type": f'"{draw.one(["reading", "tick"] if devices else types)}"'
        if draw.chance(97)
        else '"x"',
        "subject": f'"{who}"'
        if draw.chance(95)
        else draw.one(["null", '""', "7", '"a\\u0000b"', f'"{"s" * 257}"']),
        "time": f'"{at}"',
        "deviceid": f'"{draw.one(WHO)}"',
        "deviceclass": '"a"',
        "datacontenttype": '"application/json"',
        "data": "{" + ",".join(f'"{name}":{data[name]}' for name in kept) + "}",
    }
    kept = [name for name in fields if draw.chance(99)]
    return "{" + ",".join(f'"{name}":{fields[name]}' for name in kept) + "}"


def damaged(draw, line):
    """The line, now and then with a few bytes cut out, put in, or turned into others."""
    value = bytearray(line.encode())
    if draw.chance(6):
        at = draw.whole(len(value) + 1)
        value[at : at + draw.whole(6)] = draw.one(BREAKS)
    return bytes(value)


LINES = {
    "asterisk": asterisk,
    "asterisk-custom": lambda draw: asterisk(draw, custom=True),
    "freeswitch-csv": freeswitch,
    "site": site,
    "cloudevents-iot": cloud_event,
    "devices": lambda draw: cloud_event(draw, devices=True),
}
SITE_COLUMNS = b"call;began;who;ns;kind;ended;via;grade;note"


class Files:
    """Files under way, each cut into blocks; now and then one loses a block, or is sent again."""

    def __init__(self, draw):
        self._draw = draw
        self._number = 0

    def records(self):
        draw = self._draw
        self._number += 1
        name = draw.one(sorted(LINES))
        about = {
            "format": name,
            "file_id": f"file-{self._number}",
            "source": draw.one(["gate", "pbx"]),
        }
        about["zone"] = draw.one(ZONES) if draw.chance(30) else "Europe/Berlin"
        if name == "site":
            about["columns_line"] = SITE_COLUMNS.decode()
        blocks, items, size, digest, first = draw.whole(4), 0, 0, raw.NO_BLOCKS, 1
        for block in range(blocks):
            lines = [damaged(draw, LINES[name](draw)) for _ in range(1 + draw.whole(12))]
            if name == "site" and not block:
                lines.insert(0, SITE_COLUMNS)
            if draw.chance(10):
                lines.insert(draw.whole(len(lines)), draw.one([b"", b"  ", b"\r"]))
            value = b"\n".join(lines) + (b"\n" if draw.chance(95) else b"")
            count = value.count(b"\n") + (not value.endswith(b"\n"))
            more = {"record": "block", "block": str(block), "first_line": str(first)}
            first, items, size = first + count, items + count, size + len(value)
            digest = raw.chain_block(digest, raw.digest_block(value))
            if draw.chance(97):
                yield value, about | more
            if draw.chance(3):
                yield value, about | more  # the same block twice
        end = FileEnd(blocks=blocks, items=items, bytes=size, digest=digest.hex())
        yield file_end_to_json(end), about | {"record": "end"}


def message(draw):
    if draw.chance(30):
        name = draw.one(["cloudevents-iot", "devices"])
        value = (
            b"[" + b",".join(damaged(draw, LINES[name](draw)) for _ in range(draw.whole(5))) + b"]"
        )
        return value, {"format": name, "content_type": draw.one([None, raw.CLOUDEVENTS_BATCH])}
    if draw.chance(10):
        about = {
            "ce_specversion": "1.0",
            "ce_id": str(draw.whole(9)),
            "ce_source": "s",
            "format": "devices",
        }
        about |= {
            "ce_type": "tick",
            "ce_time": draw.one(["2026-03-01T09:00:00Z", None]),
            "ce_deviceid": "dev-1",
        }
        return draw.one([b'{"owner":"dev-1"}', b"", b"{"]), about
    name = draw.one(sorted(LINES))
    about = {"format": draw.one([name, f"{name}@1"]), "zone": draw.one(ZONES)}
    if draw.chance(60):
        name = draw.one(["cloudevents-iot", "devices"])
        about = {"format": name, "source": draw.one(["gate", "other"])}
        about["content_type"] = draw.one([None, raw.CLOUDEVENT])
        about["source_sequence"] = draw.one([None, str(draw.whole(99)), "x"])
    return damaged(draw, LINES[name](draw)), about


def command(draw):
    close = ClosePeriodCommand(
        tenant=draw.one(["acme", "acme", "other"]),
        account_id=draw.one(["a-1", "a-2", "a-9"]),
        period_start_ms=draw.one([0, NOON - 9 * DAY_MS]),
        period_end_ms=draw.one([NOON - DAY_MS, NOON - 2 * DAY_MS, NOON + 9 * DAY_MS]),
    )
    value = command_to_json(close) if draw.chance(95) else b"{}"
    return value, {"record": "command", "command_id": draw.one([str(draw.whole(20)), None])}


def refused(draw):
    """A record that is refused as a whole."""
    value = cloud_event(draw).encode()
    return draw.one(
        [
            (value, {"key": b"astray"}),
            (value, {"key": None}),
            (value, {"record": None}),
            (value, {"tenant": None}),
            (value, {"source": "s" * 300}),
            (value, {"format": "telepathy"}),
            (value, {"note": "n" * 9000}),
            (value, {"record": "block", "block": "x", "file_id": "f"}),
            (value, {"oversize_bytes": "300000", "oversize_digest": "0" * 32}),
            (value, {"record": "end", "file_id": "no-json"}),
            (b"x" * (raw.MAX_RECORD_BYTES + 1), {}),
            (b"[" + b"1," * 1000 + b"1]", {}),
            (b"", {}),
            (b"[]", {}),
        ]
    )


def stream(seed, records):
    """Return ``records`` values, each with what its headers say."""
    draw = Draw(seed)
    files, made, seen = Files(draw), [], []
    while len(made) < records:
        kind = draw.whole(100)
        if kind < 45:
            new = list(files.records())
        elif kind < 88 or not seen:
            new = [message(draw)]
        elif kind < 91:
            new = [command(draw)]
        elif kind < 95:
            new = [refused(draw)]
        else:
            new = [draw.one(seen)]  # sent again, whole
        made += [(value, about | {"at": NOON + len(made) * 1000}) for value, about in new]
        seen += new
    return made[:records]


def decided(seed, records, cuts):
    """Return the stage after a stream, and each batch's decision; ``cuts``: where batches end."""
    stage, decisions, batch = MemoryStage(mappings=ALL), [], []
    for position, (value, about) in enumerate(stream(seed, records)):
        batch.append(stage.record(value, **about))
        if position in cuts or position == records - 1:
            broken = frozenset({batch[0].offset}) if position % 97 == 5 else frozenset()
            decisions.append(stage.batch(*batch, internal_errors=broken))
            batch = []
    return stage, decisions
