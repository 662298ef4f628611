# SPDX-License-Identifier: GPL-2.0-only
"""What is built for Windows, as far as Wine can run it: it loads the built
cvm.sys into a process and carries its requests.  There is no ring 0, so
nothing switches; the NT bed is for that."""

import json
import re
import shutil
import subprocess

import build
import exe
import inside
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


def run(t):
    with wine.Wine() as here:
        _units(t, here)
        _driver(t, here)
        exe.run(t, here)
