# SPDX-License-Identifier: GPL-2.0-only
"""Every instruction of Debian's modules that touches the machine is known: a
guest that loads one makes a site of it, or it is judged where it is.

No machine is started: `cvmctl kernel modules` decodes all modules of the
packages.  The kernels themselves are judged at each start of a guest."""

import json
import subprocess

import build
import debian

KERNELS = (("6.1", "cloud"), ("6.12", "cloud"), ("6.12", "amd64"))
LEAST = 1000	# modules; a directory that has moved has none


def _modules(t, kernel):
    files = sorted(kernel.modules.rglob("*.ko*"))
    done = subprocess.run([build.cvmctl(), "kernel", "modules", "--json",
                           *files], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    told = json.loads(done.stdout)
    t.check(told["modules"] == len(files) > LEAST,
            "%s: %u modules" % (kernel.release, len(files)), done.stderr)
    t.check(done.returncode == 0 and not done.stderr,
            "%s: each instruction is known" % kernel.release, done.stderr)
    sites = sum(row["count"] for row in told["sites"]
                if row["verdict"] == "site")
    t.info("%u become sites; judged by module: %s" % (
        sites, " ".join(sorted({row["module"] for row in told["judged"]}))))


def run(t):
    for series, flavour in KERNELS:
        _modules(t, debian.kernel(series, flavour))
