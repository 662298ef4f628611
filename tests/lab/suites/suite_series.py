# SPDX-License-Identifier: GPL-2.0-only
"""One platform object for a kernel series: the same in all flavours of Debian's
6.12, and made with the headers of any of them."""

import copy
import json
import pathlib
import re
import tempfile

import build
import children
import guest
import inside
import kernels
import machine

SERIES = "6.12"
GUESTS = ("stock-6.12", "stock-6.12-amd64", "stock-6.12-rt")
OTHER = "stock-6.1"
# Names of local symbols have numbers that the compiler counts.
NAMES = (".symtab", ".strtab", ".shstrtab")


def _contents(path):
    """What an object's sections hold: {name: bytes}."""
    names = children.run(["readelf", "-SW", path]).stdout.decode()
    found = {}
    for name in re.findall(r"^ +\[ *\d+\] (\S+) +\S+ +[0-9a-f]{16}", names,
                           re.M):
        found[name] = children.run(["readelf", "-x", name, path]).stdout
    return {name: data for name, data in found.items()
            if name not in NAMES}


def _headers(t):
    """Nothing of the flavour is compiled in."""
    one, other = (_contents(kernels.series_object(SERIES, flavour))
                  for flavour in ("cloud", "rt"))
    t.equal([name for name in sorted(one) if one[name] != other.get(name)],
            [], "made with the headers of cloud and rt, the objects are equal")
    t.check(".cvm.fields" in one and len(one) > 20, "they hold something",
            sorted(one))


def _check(name, *options):
    return children.run([build.cvmctl(), "kernel", "check", *options,
                         kernels.guest(name).image])


def _adapts(t):
    path = kernels.series_object(SERIES)
    for name in GUESTS:
        done = _check(name, "--json", "--platform", path)
        said = json.loads(done.stdout or "{}")
        t.check(done.returncode == 0, "%s is adapted by it" % name,
                done.stderr.decode() or said)
    done = _check(OTHER, "--platform", path)
    t.check(done.returncode == 1 and b"is for the series 6.12" in done.stderr,
            "%s is refused, by the series" % OTHER, done.stderr)


def _misfit(t):
    """The same object, as if it were the one of another series."""
    data = bytearray(kernels.series_object(SERIES).read_bytes())
    at = data.index(b"6.12\0", data.index(b"CVMOBJ\0\0"))
    data[at:at + 5] = b"6.1\0\0"
    with tempfile.TemporaryDirectory() as where:
        path = pathlib.Path(where) / "6.1.o"
        path.write_bytes(data)
        done = _check(OTHER, "--platform", path)
    t.check(done.returncode == 1 and
            b"to the platform object" in done.stderr,
            "types of another shape are refused by name: %s" %
            done.stderr.decode().strip().rsplit(": ", 1)[-1], done.stderr)


def _boots(t, host, name):
    options = copy.copy(host.options)
    options.guest = name
    with guest.Guest(host, options) as inner:
        release = inner.sh("uname -r").strip()
        t.check(kernels.guest(name).is_release(release),
                "%s starts with it" % name, release)
        t.equal(inner.sh("cat /sys/hypervisor/cvm/recorder"), "",
                "%s: the recorder is empty" % name)
        inside.clean(t, inner.sh("dmesg"), "%s: the log is clean" % name)


def run(t):
    _headers(t)
    _adapts(t)
    _misfit(t)
    with machine.Machine(machine.Options(
            guest=GUESTS[0], guests=GUESTS, of_series=True,
            host_mem=2048)) as host:
        t.equal(host.sh("ls %s" % kernels.PLATFORMS).split(),
                [SERIES + ".o"], "no object but the series' is there")
        for name in GUESTS:
            _boots(t, host, name)
        inside.clean(t, host.sh("dmesg"), "the host's log is clean")
