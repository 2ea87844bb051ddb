"""How this process keeps memory that it no longer uses."""

import contextlib
import ctypes
import gc

# glibc's names for its own settings (malloc.h).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 64 * 1024**2
LARGE_BYTES = 8 * 1024**2


def keep_freed() -> None:
    """Let the C library keep up to 64 MB of freed memory for the next picture; larger blocks go back at once.

    It gives all of it back otherwise, and gets it page by page again: that takes 3 ms of a picture's 20 ms of CPU. Elsewhere
    than with glibc nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


def stop_searching_what_stays() -> None:
    """Leave what this process has loaded out of every later search for garbage; the last one, at its end, takes 0.2 s."""
    gc.freeze()
