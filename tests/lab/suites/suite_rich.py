# SPDX-License-Identifier: GPL-2.0-only
"""Guest kernels configured like Debian's: every driver is there and leaves the
host's devices alone."""

import guest
import inside
import kernels
import machine


def run(t):
    for version in kernels.SERIES:
        options = machine.Options(host=version, guest="built-" + version,
                                  config="rich", host_mem=2048, mem=512)
        with machine.Machine(options) as host:
            with guest.Guest(host) as inner:
                t.check(inner.sh("uname -r").startswith(version + "."),
                        "a rich %s guest starts" % version)
                inside.clean(t, inner.sh("dmesg"), "its log is clean")
                t.equal(inner.sh("cat /sys/hypervisor/cvm/recorder"), "",
                        "a rich guest touched no hardware")
            inside.clean(t, host.sh("dmesg"), "the host's log is clean")
