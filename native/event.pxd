"""An event of the normalised topic as C has it: texts and numbers where they lie."""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp

from native.read cimport Reading, Text


cdef struct Event:
    const uint8_t *begin
    Text kind, tenant, identity, content_hash, run, rating_key, source, record_id
    Text account_id, subscription_id, product, usage_kind, zone, origin, destination, service_class
    Text format, correlation_id, recycles
    const uint8_t *after_tenant
    const uint8_t *before_run
    const uint8_t *after_key
    const uint8_t *before_account
    const uint8_t *after_account
    const uint8_t *after_product
    const uint8_t *before_zone
    const uint8_t *after_zone
    int64_t started_at_ms, partition, offset, index, batch
    Reading quantities, attributes
    uint64_t quantity_count, attribute_count


cdef inline bint is_same(const Text *text, const void *at, Py_ssize_t size) noexcept:
    return text.size == size and memcmp(text.at, at, size) == 0


cdef bint read_event(Event *event, const uint8_t *at, Py_ssize_t size) noexcept
