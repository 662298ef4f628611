# SPDX-License-Identifier: GPL-2.0-only
"""A CD with one file, as ECMA-119 (ISO 9660) has it."""

import struct

SECTOR = 2048
PVD, TERMINATOR, L_PATHS, M_PATHS, ROOT, FILE = range(16, 22)
DATE = bytes((126, 1, 1, 0, 0, 0, 0))		# since 1900; 9.1.5


def _both(value, kind="I"):
    """In both orders of bytes; 7.2.3, 7.3.3."""
    return struct.pack("<" + kind, value) + struct.pack(">" + kind, value)


def _record(name, sector, size, flags):
    """A directory record; 9.1."""
    body = b"\0" + _both(sector) + _both(size) + DATE + bytes((flags, 0, 0)) \
        + _both(1, "H") + bytes((len(name),)) + name
    body += b"\0" * (len(body) % 2 == 0)
    return bytes((len(body) + 1,)) + body


def _path(order):
    """A path table with the root; 9.4."""
    return struct.pack(order + "BBIH", 1, 0, ROOT, 1) + b"\0\0"


def _volume(sectors):
    """The primary volume descriptor; 8.4."""
    return b"".join((
        b"\1CD001\1\0", b" " * 32, b"LIBCVM".ljust(32), bytes(8),
        _both(sectors), bytes(32), _both(1, "H"), _both(1, "H"),
        _both(SECTOR, "H"), _both(len(_path("<"))),
        struct.pack("<II", L_PATHS, 0), struct.pack(">II", M_PATHS, 0),
        _record(b"\0", ROOT, SECTOR, 2), b" " * (4 * 128 + 3 * 37),
        (b"0" * 16 + b"\0") * 4, b"\1\0"))


def image(name, data):
    """name is in capitals, with a dot."""
    size = -(-len(data) // SECTOR)
    root = _record(b"\0", ROOT, SECTOR, 2) + _record(b"\1", ROOT, SECTOR, 2) \
        + _record(name.encode() + b";1", FILE, len(data), 0)
    parts = {PVD: _volume(FILE + size), TERMINATOR: b"\xffCD001\1",
             L_PATHS: _path("<"), M_PATHS: _path(">"), ROOT: root, FILE: data}
    out = bytearray((FILE + size) * SECTOR)
    for sector, part in parts.items():
        out[sector * SECTOR:sector * SECTOR + len(part)] = part
    return bytes(out)
