# SPDX-License-Identifier: GPL-2.0-only
"""Where things are: the checkout, the cache, and content hashes; and how long
to wait for them."""

import hashlib
import os
import pathlib

LAB = pathlib.Path(__file__).resolve().parent
ROOT = LAB.parent.parent
CACHE = pathlib.Path(os.environ.get("CVM_CACHE")
                     or pathlib.Path.home() / ".cache" / "libcvm")

# The suites of tools/lab test, and what they run inside machines.
SUITES = ROOT / "tests/lab/suites"
PROGRAMS = ROOT / "tests/lab/programs"

HOSTS = ("6.1", "6.12")

# Limits are for a machine of one's own.  Others are slower, and busy: no wait
# is given up before so many times its limit.
PATIENCE = 4


def checkout_dir():
    """Incremental builds of this checkout; never shared between checkouts."""
    name = hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]
    return CACHE / "build" / name


def files_below(*tops):
    """All files below the given places, in a stable order."""
    for top in tops:
        path = ROOT / top
        if path.is_file():
            yield path
        elif path.is_dir():
            for found in sorted(path.rglob("*")):
                if found.is_file() and "__pycache__" not in found.parts:
                    yield found


def content_hash(files, *extra):
    """A short hash of names, contents and whatever else decides a build."""
    digest = hashlib.sha256()
    for path in files:
        data = path.read_bytes()
        digest.update(("%s %d\n" % (path.name, len(data))).encode())
        digest.update(data)
    for text in extra:
        digest.update(("\0" + str(text)).encode())
    return digest.hexdigest()[:16]
