# SPDX-License-Identifier: GPL-2.0-only
"""What is built for Windows, as far as Wine can run it: it loads the built
cvm.sys into a process and carries its requests.  There is no ring 0, so
nothing switches; the NT bed is for that."""

import shutil

import build
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


def run(t):
    with wine.Wine() as here:
        _driver(t, here)
