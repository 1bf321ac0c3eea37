"""Gives memory that a thread has freed back to the system, where the C library keeps it (glibc).

glibc maps a large block for the first password hash; once that is freed, it takes blocks of that size from the heap of
the thread, and keeps the end of that heap: 19 MiB for each thread, for ever. malloc_trim() does not reach it. Blocks
that are always mapped anew would cost 12 ms of page faults each, half of a hash (a virtual machine, November 2026).
"""

import ctypes

_M_TRIM_THRESHOLD = -1
_KEPT_BYTES = 64 * 1024 * 1024
# What is freed must be larger than 64 KiB: glibc looks at the end of the heap only then.
_PROBE_BYTES = 128 * 1024


def give_back() -> None:
    """Returns the free end of this thread's heap to the system; some milliseconds. Does nothing without glibc."""
    if _libc is None:
        return
    _libc.mallopt(_M_TRIM_THRESHOLD, _PROBE_BYTES)
    _libc.free(_libc.malloc(_PROBE_BYTES))
    # Until the next time nothing is returned: a thread that hashes again at once finds its memory as it left it.
    _libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - raises where the C library is another one
    except (AttributeError, OSError, TypeError):
        return None
    library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    library.free.argtypes, library.free.restype = [ctypes.c_void_p], None
    library.mallopt.argtypes, library.mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    return library


_libc = _glibc()
