"""Our reader of charging records against an ASN.1 library that has the schema of 3GPP.

The records are written by our own writer with drawn values. What the library makes of them is
turned into words by rules that are spelled out here, and nothing of our reader.
"""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import random

import pytest

from mediation.decode import ber
from mediation.decode.cdr_layout import Layout
from mediation.decode.cdr_mapping import CdrMapping
from mediation.decode.mapping import load_mapping
from sources.generate import tlv
from sources.generate.tlv import digits, group, integer, number, sequence, timestamp
from tests.mediation_world import TEXTS

# Of each field of the shipped mappings, where the library has it.
PACKET = {
    "imsi": "servedIMSI",
    "charging_id": "chargingID",
    "apn": "accessPointNameNI",
    "opened": "recordOpeningTime",
    "opened_on": "recordOpeningTime",
    "cause": "causeForRecClosing",
    "sequence": "recordSequenceNumber",
    "msisdn": "servedMSISDN",
    "plmn": "servingNodePLMNIdentifier",
    "rat": "rATType",
}
WLAN = {name: there for name, there in PACKET.items() if name != "plmn"}
VOLUMES = {"up": "dataVolumeGPRSUplink", "down": "dataVolumeGPRSDownlink"}
CONTAINERS = {
    "rating_group": "ratingGroup",
    "first_used": "timeOfFirstUsage",
    "last_used": "timeOfLastUsage",
    "up": "datavolumeFBCUplink",
    "down": "datavolumeFBCDownlink",
}
SESSION = {
    "method": "sIP-Method",
    "role": "role-of-Node",
    "node": "nodeAddress",
    "requested": "serviceRequestTimeStamp",
    "requested_on": "serviceRequestTimeStamp",
    "began": "serviceDeliveryStartTimeStamp",
    "ended": "serviceDeliveryEndTimeStamp",
    "sequence": "recordSequenceNumber",
    "cause": "causeForRecordClosing",
    "icid": "iMS-Charging-Identifier",
}
MESSAGE = {
    "imsi": "servedIMSI",
    "msisdn": "servedMSISDN",
    "centre": "serviceCentre",
    "entity": "recordingEntity",
    "reference": "messageReference",
    "to": "destinationNumber",
}
RECORDS = {
    # mapping, record: module, choice, alternative, fields, list, its fields
    ("3gpp-pgw", "pgw"): ("GPRS", "GPRSRecord", "pGWRecord", PACKET | {"node": "p-GWAddress"}, "listOfServiceData", CONTAINERS),
    ("3gpp-sgw", "sgw"): ("GPRS", "GPRSRecord", "sGWRecord", PACKET | {"node": "s-GWAddress"}, "listOfTrafficVolumes", VOLUMES),
    ("3gpp-wlan", "epdg"): ("GPRS", "GPRSRecord", "ePDGRecord", WLAN | {"node": "ePDGAddressUsed"}, "listOfTrafficVolumes", VOLUMES),
    ("3gpp-wlan", "twag"): ("GPRS", "GPRSRecord", "tWAGRecord", WLAN | {"node": "tWAGAddressUsed"}, "listOfTrafficVolumes", VOLUMES),
    ("3gpp-sgsn", "sgsn"): ("GPRS", "GPRSRecord", "sgsnPDPRecord", PACKET | {"node": "sgsnAddress", "ggsn": "ggsnAddressUsed"}, "listOfTrafficVolumes", VOLUMES),
    ("3gpp-sgsn", "sgsn-sms"): ("GPRS", "GPRSRecord", "sgsnSMORecord", MESSAGE | {"sent": "eventTimeStamp"}, None, {}),
    ("3gpp-msc", "mo-sms"): ("CS", "CSRecord", "moSMSRecord", MESSAGE | {"sent": "originationTime"}, None, {}),
    ("3gpp-msc", "mo-call"): ("CS", "CSRecord", "moCallRecord", {
        "imsi": "servedIMSI", "msisdn": "servedMSISDN", "calling": "callingNumber", "called": "calledNumber",
        "entity": "recordingEntity", "seized": "seizureTime", "seized_on": "seizureTime", "answered": "answerTime",
        "answered_on": "answerTime", "released": "releaseTime", "seconds": "callDuration", "cause": "causeForTerm",
        "reference": "callReference", "sequence": "sequenceNumber"}, None, {}),
    ("3gpp-ims", "s-cscf"): ("IMS", "IMSRecord", "sCSCFRecord", SESSION, None, {}),
    ("3gpp-mmtel", "as"): ("IMS", "IMSRecord", "aSRecord", SESSION, None, {}),
    ("3gpp-mmtel", "mmtel"): ("MMTel", "MMTelServiceRecord", "mMTelRecord", SESSION, None, {}),
    ("3gpp-smsc", "sc-smo"): ("SMS", "SMSRecordType", "sCSMORecord", {
        "centre": "sMSNodeAddress", "imsi": "originatorInfo.originatorIMSI", "msisdn": "originatorInfo.originatorMSISDN",
        "sent": "eventtimestamp", "reference": "messageReference", "parts": "sMTotalNumber", "part": "sMSequenceNumber",
        "size": "messageSize"}, "recipientInfo", {"to_msisdn": "recipientMSISDN", "to_address": "recipientOtherAddress.sMAddressData"}),
}  # fmt: skip

# Fields that lie in a choice or a list of choices, and those that the library has another name for.
ELSEWHERE = {"calling_sip", "calling_tel", "called_sip", "called_tel", "result"}


@functools.cache
def mapping(name: str) -> CdrMapping:
    loaded = load_mapping(TEXTS[name], f"{name}.yaml", extends=TEXTS)
    assert isinstance(loaded, CdrMapping)
    return loaded


@functools.cache
def schema(module: str, choice: str):
    from pycrate_asn1dir import CDR

    return getattr(getattr(CDR, f"{module}ChargingDataTypes"), choice)


RECORDS_OF_A_TYPE = 25

# What the schema wants besides, and no mapping reads.
TYPE, DURATION = tlv.tlv(0, integer(1)), tlv.tlv(14, integer(1))
CHARACTERISTICS, NODE_TYPES = tlv.tlv(23, b"\x08\0"), group(35, b"\x0a\x01\x02")
NEEDED = {
    "pgw": TYPE + DURATION + group(6, tlv.tlv(0, bytes(4))) + CHARACTERISTICS + NODE_TYPES,
    "sgw": TYPE + DURATION + group(6, tlv.tlv(0, bytes(4))) + CHARACTERISTICS + NODE_TYPES,
    "epdg": TYPE + DURATION + CHARACTERISTICS,
    "twag": TYPE + DURATION + CHARACTERISTICS,
    "sgsn": TYPE + tlv.tlv(17, integer(1)) + tlv.tlv(28, b"\x08\0"),
    "sgsn-sms": TYPE + tlv.tlv(16, b"\x08\0") + tlv.tlv(21, b"\0"),
    "mo-sms": TYPE + tlv.tlv(4, b"\0"),
}
NEEDED_IN_LIST = {
    "listOfServiceData": {(8,): tlv.tlv(8, b"\x07\0\0\0\x80"), (14,): tlv.tlv(14, bytes(9))},
    "listOfTrafficVolumes": {(5,): tlv.tlv(5, b"\2"), (6,): tlv.tlv(6, bytes(9))},
}


def some_digits(rng):
    return "".join(rng.choices("0123456789", k=rng.randint(5, 15)))


def some_node(rng):
    tag, size = rng.choice([(0, 4), (1, 16), (2, 4), (3, 16)])
    octets = rng.randbytes(size)
    return tlv.tlv(tag, octets if tag < 2 else str(ipaddress.ip_address(octets)).encode())


def some_time(rng):
    return timestamp(rng.randrange(1_700_000_000, 1_900_000_000) * 1000, 15 * rng.randint(-56, 56))


def some_sms_number(rng):
    text = some_digits(rng)
    return bytes([len(text), 0x91]) + digits(text)


def some_text(rng):
    return "".join(rng.choices("abcdefgh.-", k=rng.randint(1, 20))).encode()


KINDS = {
    "integer": lambda rng: integer(rng.randrange(2 ** rng.randint(1, 63))),
    "unsigned": lambda rng: integer(rng.randrange(2**32)),
    "digits": lambda rng: digits(some_digits(rng)),
    "number": lambda rng: number(some_digits(rng)),
    "sms_number": some_sms_number,
    "time": some_time,
    "text": some_text,
    "uri": lambda rng: "".join(rng.choices("abcdefgh", k=9)).encode(),
    "hex": lambda rng: rng.randbytes(rng.randint(1, 8)),
    "network": lambda rng: rng.choice([b"\x62\xf2\x20", b"\x13\x00\x14"]),
    "address": some_node,
    "node": lambda rng: rng.choice([group(0, some_node(rng)), tlv.tlv(1, b"cscf.example")]),
}
# The library refuses numbers and sizes that its schema does not have.
NARROW = {
    "rat": lambda rng: integer(rng.randint(0, 10)),
    "role": lambda rng: integer(rng.randint(0, 1)),
    "cause": lambda rng: integer(rng.randint(0, 1)),
    "reference": lambda rng: rng.randbytes(1),
}


def contents_of(rng, fields, more=None) -> bytes:
    """Some values of fields, each path once: in any order, in that of the tags in a list."""
    parts: dict[tuple[int, ...], bytes] = dict(more or {})
    for field in fields:
        if field.name in ELSEWHERE or field.path in parts or field.kind == "day":
            continue
        value = NARROW.get(field.name, KINDS[field.kind])(rng)
        constructed = field.kind in ("address", "node")
        parts[field.path] = tlv.tlv(field.path[-1], value, constructed=constructed)
    nested: dict[tuple[int, ...], list[bytes]] = {}
    for path, part in parts.items():
        nested.setdefault(path[:-1], []).append(part)
    flat = {path[0]: part for path, part in parts.items() if len(path) == 1}
    flat |= {path[0]: group(path[0], *inner) for path, inner in nested.items() if path}
    tags = sorted(flat)
    if more is None:
        rng.shuffle(tags)
    return b"".join(flat[tag] for tag in tags)


def inside(value, path):
    for name in path.split("."):
        if value is None:
            return None
        value = value.get(name)
    return value


def in_words(kind: str, value):
    """What a value of the library is in our words."""
    if value is None:
        return None
    if kind in ("address", "node"):
        while isinstance(value, tuple):
            name, value = value
        return str(ipaddress.ip_address(value)) if "IP" in name.upper() else value
    if kind == "network":
        nibbles = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in value)
        return nibbles[:3] + nibbles[4:6] + nibbles[3].replace("f", "")
    if kind in ("digits", "number", "sms_number"):
        skipped = {"digits": 0, "number": 1, "sms_number": 2}[kind]
        return "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in value[skipped:]).rstrip("f")
    if kind in ("time", "day"):
        text = value[:6].hex() + chr(value[6]) + value[7:].hex()
        at = dt.datetime.strptime(text, "%y%m%d%H%M%S%z")
        return at.date().isoformat() if kind == "day" else round(at.timestamp() * 1000)
    if kind == "hex":
        return value.hex()
    if isinstance(value, bytes):
        return value.decode()
    return value


@pytest.mark.parametrize("which", RECORDS, ids=lambda which: which[1])
def test_every_field_is_what_the_asn1_library_has(which):
    rng = random.Random(which[1])
    for _ in range(RECORDS_OF_A_TYPE):
        same_as_library(which, rng)


def same_as_library(which, rng) -> None:
    module, choice, alternative, fields, list_name, of_member = RECORDS[which]
    (rule,) = [rule for rule in mapping(which[0]).records if rule.name == which[1]]
    assert {field.name for field in rule.fields} - ELSEWHERE == set(fields)
    assert {field.name for field in rule.member_fields} == set(of_member)
    members = [
        contents_of(rng, rule.member_fields, NEEDED_IN_LIST.get(list_name, {}))
        for _ in range(rng.randint(0, 3))
    ]
    contents = NEEDED.get(rule.name, TYPE) + contents_of(rng, rule.fields)
    if rule.list_path is not None and members:
        contents += group(rule.list_path[0], *map(sequence, members))
    record = group(rule.tag, contents)

    asn1 = schema(module, choice)
    asn1.from_ber(record)
    name, theirs = asn1.get_val()
    assert name == alternative

    layout, listed = Layout(rule.fields), Layout(rule.member_fields)
    if rule.list_path is not None:
        layout.put(rule.list_path, ber.Members(listed.table, len(listed)), constructed=True)
    found = ber.outer(record, 0, len(record))
    assert found is not None
    tag, begin, end, _ = found
    assert ber.number_of(tag) == rule.tag
    values: list[bytes | None] = [None] * len(layout)
    lists: list[list[bytes | None]] = []
    ber.read(record, begin, end, layout.table, values, lists)

    compare(rule.fields, layout.made(values), theirs, fields)
    assert len(lists) == len(inside(theirs, list_name) or []) if list_name else not lists
    for ours, their in zip(
        lists, (inside(theirs, list_name) or []) if list_name else [], strict=True
    ):
        compare(rule.member_fields, listed.made(ours), their, of_member)


def compare(rules, ours, theirs, names) -> None:
    assert isinstance(ours, list), ours
    for field, our in zip(rules, ours, strict=True):
        if field.name in ELSEWHERE:
            continue
        their = in_words(field.kind, inside(theirs, names[field.name]))
        if isinstance(their, str) and isinstance(our, int):
            continue_with = ENUMERATIONS.get(their)
            assert continue_with == our, (field.name, their, our)
            continue
        assert our == their, (field.name, our, their)


ENUMERATIONS = {
    "originating": 0,
    "terminating": 1,
    "serviceDeliveryEndSuccessfully": 0,
    "unSuccessfulServiceDelivery": 1,
    "timeLimit": 3,
}
