"""Fields of `msgspec` structs read where they lie: without a look-up by name, and without touching the
object before its turn."""

from cpython.object cimport Py_TYPE, PyObject, PyTypeObject


cdef extern from "structmember.h":
    ctypedef struct PyMemberDef:
        int type
        Py_ssize_t offset
    const int T_OBJECT_EX


cdef extern from "Python.h":
    ctypedef struct PyMemberDescrObject:
        PyMemberDef *d_member
    PyTypeObject PyMemberDescr_Type


cdef extern from *:
    """
    #if defined(__GNUC__)
    #define ratemill_prefetch(at) __builtin_prefetch(at)
    #else
    #define ratemill_prefetch(at) ((void)(at))
    #endif
    """
    void ratemill_prefetch(const void *at) nogil


cdef inline Py_ssize_t offset_of(cls, str name) except -1:
    """Return where the objects of exactly a class have a field; `TypeError` where that is not said."""
    descriptor = cls.__dict__[name]
    cdef PyMemberDef *member
    if Py_TYPE(descriptor) != &PyMemberDescr_Type:
        raise TypeError(f"{cls.__name__}.{name} is no field that lies in the object")
    member = (<PyMemberDescrObject *><PyObject *>descriptor).d_member
    if member.type != T_OBJECT_EX:
        raise TypeError(f"{cls.__name__}.{name} is no object")
    return member.offset


cdef inline PyObject *field_at(const void *of, Py_ssize_t offset) noexcept:
    """Return a field, borrowed, of an object of the class that the offset is of."""
    return (<PyObject **>(<const char *>of + offset))[0]


cdef inline object field(of, Py_ssize_t offset):
    return <object>field_at(<PyObject *>of, offset)


cdef inline bint is_exactly(of, cls) noexcept:
    return <PyObject *>Py_TYPE(of) == <PyObject *>cls


cdef inline void soon(const void *at) noexcept:
    """Say that an object is needed soon; its first 128 bytes."""
    ratemill_prefetch(at)
    ratemill_prefetch(<const char *>at + 64)
