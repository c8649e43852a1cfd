# cython: language_level=3, boundscheck=False, wraparound=False
"""Events read where they lie: no object is made.

What is written in some other form than `msgspec` writes, or is none, is left to the twin, which takes or
refuses it: `schemas.usage.from_wire`.
"""

from native.read cimport (
    read_array_head, read_bool, read_bytes, read_int, read_int_or_none, read_map_head, read_text,
    read_text_or_none,
)


cdef enum:
    ID = 16  # bytes; `schemas.ids.ID_BYTES`
    FIELDS = 26  # of an event on the wire
    ATTRIBUTES = 24  # the most: each name is compared with those before it
    NUMBER = 64  # digits of a quantity, the most

cdef int64_t FARTHEST_MS = <int64_t>1 << 53


cdef bint read_event(Event *event, const uint8_t *at, Py_ssize_t size) noexcept:
    """Read an event; say whether it is one, all of it, in the forms that `msgspec` writes."""
    cdef Reading of
    cdef uint64_t count = 0, place
    cdef int64_t other = 0
    cdef Text text
    of.at, of.end = at, at + size
    event.begin = at
    if not (read_array_head(&of, &count) and count == FIELDS and read_text(&of, &event.kind)):
        return False
    if event.kind.size != 5 or memcmp(event.kind.at, b"usage", 5) != 0:
        return False
    if not read_text(&of, &event.tenant):
        return False
    event.after_tenant = of.at
    if not (read_bytes(&of, &event.identity) and event.identity.size == ID):
        return False
    if not read_bytes(&of, &event.content_hash):
        return False
    event.before_run = of.at
    if not (read_text(&of, &event.run) and read_text(&of, &event.rating_key)):
        return False
    event.after_key = of.at
    if not (read_text(&of, &event.source) and read_text(&of, &event.record_id)):
        return False
    event.before_account = of.at
    if not read_text(&of, &event.account_id):
        return False
    event.after_account = of.at
    if not (
        read_text(&of, &event.subscription_id)
        and read_text(&of, &event.product)
    ):
        return False
    event.after_product = of.at
    if not (
        read_text(&of, &event.usage_kind)
        and read_int(&of, &event.started_at_ms)
        and read_int_or_none(&of, &other)
    ):
        return False
    event.before_zone = of.at
    if not read_text(&of, &event.zone):
        return False
    event.after_zone = of.at
    if not read_map_head(&of, &event.quantity_count):
        return False
    event.quantities = of
    for place in range(event.quantity_count):
        if not (read_text(&of, &text) and read_text(&of, &text) and is_number(&text)):
            return False
    if not (
        read_text_or_none(&of, &event.origin)
        and read_text_or_none(&of, &event.destination)
        and read_text_or_none(&of, &event.service_class)
        and read_map_head(&of, &event.attribute_count)
        and event.attribute_count <= ATTRIBUTES
    ):
        return False
    event.attributes = of
    if not read_attributes(&of, event.attribute_count):
        return False
    return (
        read_array_head(&of, &count)
        and count == 5
        and read_int(&of, &event.partition)
        and read_int(&of, &event.offset)
        and read_int(&of, &event.index)
        and read_text(&of, &event.format)
        and read_int(&of, &other)
        and read_int(&of, &event.batch)
        and read_text_or_none(&of, &event.correlation_id)
        and read_int_or_none(&of, &other)
        and read_bool(&of)
        and read_text_or_none(&of, &event.recycles)
        and of.at == of.end
        and -FARTHEST_MS < event.started_at_ms < FARTHEST_MS
    )


cdef bint read_attributes(Reading *of, uint64_t count) noexcept:
    """Read names and values; say whether no name comes twice."""
    cdef Text names[ATTRIBUTES]
    cdef Text value
    cdef uint64_t place, before
    for place in range(count):
        if not (read_text(of, &names[place]) and read_text(of, &value)):
            return False
        for before in range(place):
            if is_same(&names[before], names[place].at, names[place].size):
                return False
    return True


cdef bint is_number(const Text *text) noexcept:
    """Return whether a text is a plain decimal, written as `to_text` writes it."""
    cdef Py_ssize_t at = 0, whole
    if text.size > NUMBER or text.size == 0:
        return False
    if text.at[0] == c"-":
        at = 1
    whole = at
    while at < text.size and 0x30 <= text.at[at] <= 0x39:
        at += 1
    if at == whole or (text.at[whole] == c"0" and at > whole + 1):
        return False
    if at == text.size:
        return True
    if text.at[at] != c"." or at + 1 == text.size:
        return False
    at += 1
    while at < text.size:
        if not 0x30 <= text.at[at] <= 0x39:
            return False
        at += 1
    return True
