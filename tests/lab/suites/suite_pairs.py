# SPDX-License-Identifier: GPL-2.0-only
"""All four pairs of host and guest kernels, as a user starts them."""

import re

import children
import kernels
import paths

ABI = re.search(r"define CVM_GUEST_ABI\s+(\d+)u", (
    paths.ROOT / "include/cvm/abi.h").read_text(encoding="utf-8")).group(1)
LAB = str(paths.ROOT / "tools/lab")
SCRIPT = ("uname -r; cat /sys/hypervisor/type /sys/hypervisor/cvm/host "
          "/sys/hypervisor/cvm/abi; exit 7")


def _pair(t, host, guest):
    name = "%s beside %s" % (guest, host)
    done = children.run([LAB, "run", "--host", host, "--guest", guest, "--",
                         "sh", "-c", SCRIPT])
    lines = done.stdout.decode("utf-8", "replace").split("\n")
    error = done.stderr.decode("utf-8", "replace")
    if not t.check(done.returncode == 7, "%s: starts, and the command's "
                   "status comes back" % name, "status %d\n%s\n%s" % (
                       done.returncode, lines, error)):
        return
    t.check(kernels.guest(guest).is_release(lines[0]),
            "%s: uname says %s" % (name, lines[0]), lines)
    t.equal(lines[1:], ["cvm", "linux", ABI, ""],
            "%s: /sys/hypervisor says so" % name)


def run(t):
    for host in paths.HOSTS:
        for guest in t.guests:
            _pair(t, host, guest)
