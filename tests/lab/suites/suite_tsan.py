# SPDX-License-Identifier: GPL-2.0-only
"""What has threads, built with `-Db_sanitize=thread`: the devices and the fake
host."""

import subprocess

import build
import suite_unit

# Debian 12's runtime knows where things lie by default, and kernels since 6.6
# may put them elsewhere (vm.mmap_rnd_bits=32).
IN_PLACE = ["setarch", "-R"]


def run(t):
    where = build.meson_dir("tsan", "-Db_sanitize=thread", "-Db_lundef=false")
    # A container may forbid it, and need not need it.
    allowed = not subprocess.run(IN_PLACE + ["true"],
                                 stderr=subprocess.DEVNULL).returncode
    suite_unit.meson_tests(t, where, *IN_PLACE if allowed else [])
