# SPDX-License-Identifier: GPL-2.0-only
"""The Windows build under Wine: unit tests, every request of `cvm.sys`,
`cvmctl.exe`, the archive.

Wine loads the built cvm.sys into a process and carries its requests.  There is
no ring 0, so nothing switches; the NT bed is for that."""

import json
import pathlib
import re
import shutil
import subprocess
import zipfile

import build
import exe
import images
import inside
import kernels
import ntbed
import wine


def _driver(t, here):
    """cvm.sys, asked by a program."""
    shutil.copy(ntbed.driver(), here.drive_c / "cvm.sys")
    program = build.windows_dir() / "tests/nt/wine/driver_test.exe"
    status, out, err = here.run([program, "C:\\cvm.sys"])
    inside.each_line(t, out.decode(), "driver")
    t.check(status == 0 and not err, "driver: the test program's status",
            "%s\n%s" % (status, err.decode()))


def _unit_tests():
    """{name: program} of the unit tests that were built for Windows."""
    listed = subprocess.check_output(
        ["meson", "introspect", "--tests", build.windows_dir()])
    return {test["name"]: test["cmd"] for test in json.loads(listed)
            if "libcvm:unit" in test["suite"]}


def _units(t, here):
    """The core on the fake host, now a Windows process."""
    tests = _unit_tests()
    t.check(len(tests) > 10, "%d programs of unit tests" % len(tests))
    here.env["CMOCKA_MESSAGE_OUTPUT"] = "TAP"
    for name, command in sorted(tests.items()):
        status, out, err = here.run(command)
        text = out.decode("utf-8", "replace")
        planned = re.search(r"^1\.\.(\d+)", text, re.M)
        good = len(re.findall(r"^ok ", text, re.M))
        t.check(status == 0 and planned and good == int(planned.group(1)) > 0,
                "unit: %s, %d tests" % (name, good),
                "status %s\n%s%s" % (status, text, err.decode()))


def _follow(t, here, top):
    """The commands of README.txt, in its order, in the unpacked directory.
    Not by Wine's cmd, which once in some thousand times finds no program."""
    text = (top / "README.txt").read_bytes()
    t.check(text.count(b"\n") == text.count(b"\r\n") > 20 and
            all(byte < 128 for byte in text) and b"@" not in text.replace(
                b"@guest.conf", b""), "zip: README.txt is for Windows", text)
    lines = re.findall(r"^        (cvmctl .*)\r$", text.decode(), re.M)
    t.check({"cvmctl driver install", "cvmctl check", "cvmctl run @guest.conf",
             "cvmctl driver remove"} <= set(lines),
            "zip: README.txt says how", lines)
    refused = {"cvmctl check": "ring-0  refused",
               "cvmctl run @guest.conf": exe.NO_GUESTS}
    for line in lines:
        status, out, err = here.run([top / "cvmctl.exe", *line.split()[1:]],
                                    cwd=top)
        said = refused.get(line, "")
        t.check(status == (line in refused) and said in (out + err).decode(),
                "zip: %s: %s" % (line, status), (out + err).decode())


def _kernels(t, here, top):
    """Debian's kernels, as the archive has them, become the same guests here
    as on Linux."""
    for name in kernels.STOCK:
        kernel = kernels.guest(name)
        image = top / ("vmlinuz-" + kernels.series(name))
        t.check(image.read_bytes() == kernel.image.read_bytes(),
                "zip: %s is as its package has it" % image.name)
        status, out, err = here.run([top / "cvmctl.exe", "kernel", "check",
                                     image.name], cwd=top)
        t.check(status == 0 and kernel.release in out.decode() and
                "can be a guest" in out.decode() and not err,
                "cvmctl.exe kernel check %s" % image.name,
                (out + err).decode())
        made = here.drive_c / ("adapted-" + image.name)
        status, out, err = here.run(
            [top / "cvmctl.exe", "kernel", "adapt", image.name,
             "C:\\" + made.name], cwd=top)
        native = pathlib.Path(str(made) + ".native")
        subprocess.run(
            [build.cvmctl(), "kernel", "adapt", kernel.image, native,
             "--platform", top / "platform" / (kernels.series(name) + ".o")],
            check=True)
        t.check(status == 0 and made.read_bytes() == native.read_bytes(),
                "cvmctl.exe kernel adapt %s: the bytes that Linux makes" %
                image.name, (out + err).decode())


def _zip(t, here):
    """The archive: the same twice, complete, and its README.txt is true."""
    path = images.windows_zip()
    first = path.read_bytes()
    path.unlink()
    t.check(images.windows_zip().read_bytes() == first,
            "zip: the same bytes twice")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        archive.extractall(here.drive_c)
    top = here.drive_c / names[0].split("/")[0]
    wanted = {"README.txt", "cvm.sys", "cvmctl.exe", "cvm-test.cer", "initrd",
              "guest.conf", "vmlinuz-6.1", "vmlinuz-6.12",
              "platform/6.1.o", "platform/6.12.o",
              "licences/GPL-2.txt", "licences/SOURCES.txt",
              "licences/busybox.txt", "unsigned/cvm.sys"}
    there = {name.partition("/")[2] for name in names}
    t.check(wanted <= there, "zip: holds all it should", wanted - there)
    t.check((top / "unsigned/cvm.sys").read_bytes() ==
            ntbed.driver().read_bytes(), "zip: the driver is the built one")
    _follow(t, here, top)
    _kernels(t, here, top)


def run(t):
    for part in (_units, _driver, exe.run, _zip):
        with wine.Wine() as here:
            part(t, here)
