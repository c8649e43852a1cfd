# cython: language_level=3, boundscheck=False, wraparound=False
"""Owners by tenant and identifier: what `Owners.find` in `mediation/owners.py` finds.

It knows no rule of its own: whose an identifier is, `Owners.held` says, once. Of a hundred thousand owners a
processor keeps none at hand: each lies in one piece, so that it waits for one and not for each of its texts.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport INT64_MAX, INT64_MIN
from libc.string cimport memcmp, memcpy, memset

from native.fields cimport ratemill_prefetch
from native.wire cimport drop, make_room, no_bytes, pack_str, put, put_bytes

cdef enum:
    UNIT = 8  # where entries and owners begin
    FEWEST = 1 << 10  # slots, a power of two
    UNKNOWN = -1  # a tenant of whom nothing is remembered


cdef class OwnersAtHand:
    """Remembers who held an identifier; of what nobody holds, nothing."""

    def __cinit__(self) -> None:
        no_bytes(&self.entries)
        self.slots = NULL

    def __dealloc__(self) -> None:
        drop(&self.entries)
        PyMem_Free(self.slots)

    def __init__(self, held_by, *, Py_ssize_t most_bytes) -> None:
        """``held_by(tenant, identifier)`` are the owners, in the order in which they are tried; what is
        remembered is forgotten where it has ``most_bytes``, at most 32 GB."""
        self.held_by, self.most_bytes = held_by, most_bytes
        self.forget()

    def forget(self) -> None:
        # Asked for first: without memory, what is remembered stays whole.
        cdef Slot *slots = <Slot *>PyMem_Calloc(FEWEST, sizeof(Slot))
        if slots == NULL:
            raise MemoryError
        self.tenants, self.keys = {}, []
        self.count, self.mask = 0, FEWEST - 1
        drop(&self.entries)
        PyMem_Free(self.slots)
        self.slots = slots

    cdef int64_t tenant(self, str name) except -2:
        """Return the number of a tenant. Not given here: of tenants that a source makes up there is no end."""
        found = self.tenants.get(name)
        return UNKNOWN if found is None else found

    cdef void soon(self, int64_t tenant, Text identifier) noexcept:
        """Say that an identifier is looked for soon."""
        ratemill_prefetch(&self.slots[hash_of(tenant, identifier) & self.mask])

    cdef void sooner(self, int64_t tenant, Text identifier) noexcept:
        """The same, when the slot is there."""
        cdef uint32_t at = self.slots[hash_of(tenant, identifier) & self.mask].at
        cdef const uint8_t *entry
        if at:
            entry = self.entries.at + UNIT * <Py_ssize_t>(at - 1)
            ratemill_prefetch(entry)
            ratemill_prefetch(entry + 64)
            ratemill_prefetch(entry + 128)
            ratemill_prefetch(entry + 192)

    cdef const Held *find(self, str tenant, int64_t *number, Text identifier, int64_t at_ms) except? NULL:
        """Return who held an identifier at an instant, until the next one is looked for; NULL: nobody.

        ``number`` is that of the tenant, and changes where it is learnt or forgotten.
        """
        cdef Entry *entry = self._known(number[0], identifier, hash_of(number[0], identifier))
        cdef const Held *owner
        cdef uint32_t each
        if entry == NULL:
            entry = self._learn(tenant, number, identifier)
            if entry == NULL:
                return NULL
        owner = <const Held *>(<const uint8_t *>entry + entry.size)
        for each in range(entry.owners):
            if owner.from_ms <= at_ms < owner.to_ms:
                return owner
            owner = <const Held *>(<const uint8_t *>owner + owner.size)
        return NULL

    cdef Entry *_known(self, int64_t tenant, Text identifier, uint64_t hashed) noexcept:
        cdef uint64_t at = hashed & self.mask
        cdef Slot *slot
        cdef Entry *entry
        if tenant == UNKNOWN:
            return NULL
        while True:
            slot = &self.slots[at]
            if slot.at == 0:
                return NULL
            if slot.tag == <uint32_t>(hashed >> 32):
                entry = <Entry *>(self.entries.at + UNIT * <Py_ssize_t>(slot.at - 1))
                if (
                    entry.tenant == tenant
                    and entry.length == <uint32_t>identifier.length
                    and memcmp(entry + 1, identifier.at, identifier.length) == 0
                ):
                    return entry
            at = (at + 1) & self.mask

    cdef Entry *_learn(self, str tenant, int64_t *number, Text identifier) except? NULL:
        cdef tuple held = self.held_by(
            tenant, PyUnicode_DecodeUTF8(<const char *>identifier.at, identifier.length, NULL)
        )
        cdef Bytes *to = &self.entries
        cdef Py_ssize_t at
        cdef Entry entry
        if not held:  # what usage makes up must not fill the memory
            return NULL
        if to.used >= self.most_bytes:
            self.forget()
        number[0] = self.tenants.setdefault(tenant, len(self.tenants))
        self._room_for_slots()
        at = to.used
        memset(&entry, 0, sizeof(Entry))
        entry.hashed, entry.tenant = hash_of(number[0], identifier), number[0]
        entry.length, entry.owners = <uint32_t>identifier.length, <uint32_t>len(held)
        try:
            put(to, &entry, sizeof(Entry))
            put(to, identifier.at, identifier.length)
            to_unit(to)
            (<Entry *>(to.at + at)).size = <uint32_t>(to.used - at)
            for owner in held:
                put_owner(to, <tuple>owner)
                self.keys.append((<tuple>(<tuple>owner)[3])[1])
            self._put(at)
        except BaseException:
            to.used = at
            raise
        self.count += 1
        return <Entry *>(to.at + at)

    cdef int _room_for_slots(self) except -1:
        """Leave half of the slots empty."""
        cdef Slot *before = self.slots
        cdef uint64_t place, slots = self.mask + 1
        if 2 * <uint64_t>(self.count + 1) <= slots:
            return 0
        self.slots = <Slot *>PyMem_Calloc(2 * slots, sizeof(Slot))
        if self.slots == NULL:
            self.slots = before
            raise MemoryError
        self.mask = 2 * slots - 1
        for place in range(slots):
            if before[place].at:
                self._put(UNIT * <Py_ssize_t>(before[place].at - 1))
        PyMem_Free(before)
        return 0

    cdef int _put(self, Py_ssize_t at) except -1:
        """Put the entry that begins there into the first slot that is free for it."""
        cdef uint64_t hashed = (<Entry *>(self.entries.at + at)).hashed
        cdef uint64_t place = hashed & self.mask
        while self.slots[place].at:
            place = (place + 1) & self.mask
        self.slots[place].tag = <uint32_t>(hashed >> 32)
        self.slots[place].at = <uint32_t>(at // UNIT + 1)
        return 0


cdef inline uint64_t mixed(uint64_t hashed, uint64_t word) noexcept:
    hashed = (hashed ^ word) * 0x9E3779B97F4A7C15ULL
    return hashed ^ hashed >> 29


cdef uint64_t hash_of(int64_t tenant, Text text) noexcept:
    cdef uint64_t hashed = mixed(<uint64_t>tenant, <uint64_t>text.length), word
    cdef Py_ssize_t at = 0
    while text.length - at >= 8:
        memcpy(&word, text.at + at, 8)
        hashed = mixed(hashed, word)
        at += 8
    word = 0
    if at < text.length:
        memcpy(&word, text.at + at, text.length - at)
    return mixed(mixed(hashed, word), 0)


cdef int64_t bounded(instant) except? -1:
    """Return an instant; of those that no usage has, the last one or the first."""
    return min(max(instant, INT64_MIN), INT64_MAX)


cdef int to_unit(Bytes *to) except -1:
    make_room(to, UNIT)
    while to.used % UNIT:
        to.at[to.used] = 0
        to.used += 1
    return 0


cdef int put_owner(Bytes *to, tuple owner) except -1:
    """Put an `Owner`."""
    cdef Held held
    cdef Py_ssize_t at = to.used, texts
    cdef tuple account = <tuple>owner[3]
    cdef bytes key = account[1], in_digest = account[5]
    memset(&held, 0, sizeof(Held))
    held.from_ms, held.to_ms, held.partition = bounded(owner[0]), bounded(owner[1]), account[2]
    held.key = <PyObject *>key
    put(to, &held, sizeof(Held))
    texts = to.used
    pack_str(to, <str>account[0])
    held.ids_at = <uint32_t>(to.used - texts)
    pack_str(to, <str>account[3])
    pack_str(to, <str>owner[2])
    held.zone_at = <uint32_t>(to.used - texts)
    pack_str(to, <str>account[4])
    held.digest_at = <uint32_t>(to.used - texts)
    put(to, PyBytes_AS_STRING(in_digest), PyBytes_GET_SIZE(in_digest))
    held.end = <uint32_t>(to.used - texts)
    to_unit(to)
    held.size = <uint32_t>(to.used - at)
    memcpy(to.at + at, &held, sizeof(Held))
    return 0
