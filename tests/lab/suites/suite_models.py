# SPDX-License-Identifier: GPL-2.0-only
"""CPU models, what a guest believes of them, page-table isolation; more models
with `--long`."""

import guest
import inside
import kernels
import machine

MODELS = ("max", "max,la57=off", "Skylake-Client", "EPYC", "qemu64")
LONG_MODELS = ("Nehalem", "Haswell", "Skylake-Server", "EPYC-Rome",
               "Broadwell", "Opteron_G5")
ISOLATED = "page tables isolation: enabled"


NO_LFENCE = "cvm: the host has left LFENCE not serializing"


def _beliefs(t, model):
    """What AMD's start-up code concludes from registers that it has set.  They
    are the host's, and the emulated ones hold nothing."""
    amd = model.startswith(("EPYC", "Opteron"))

    def check(host, inner):
        here, there = (kernel.sh("cat /proc/cpuinfo").split()
                       for kernel in (host, inner))
        if amd and "ssbd" in here and "amd_ssbd" not in here:
            t.check("ssbd" not in there, "%s: SSBD by LS_CFG is the host's "
                    "alone" % model, there)
        t.equal(NO_LFENCE in inner.sh("dmesg"), amd, "%s: the guest %s that "
                "LFENCE is left not serializing" % (
                    model, "notices" if amd else "need not say"))
    return check


def _boot(t, name, options, check=None):
    try:
        with machine.Machine(options) as host:
            with guest.Guest(host) as inner:
                release = inner.sh("uname -r").strip()
                t.check(kernels.guest(options.guest).is_release(release),
                        "%s: a guest starts" % name, release)
                inside.clean(t, inner.sh("dmesg"),
                             "%s: the guest's log is clean" % name)
                if check:
                    check(host, inner)
            inside.clean(t, host.sh("dmesg"),
                         "%s: the host's log is clean" % name)
    except machine.ui.LabError as err:
        t.check(False, "%s: a guest starts" % name, err)


def _isolation(t, name):
    version = kernels.series(name)

    def check(host, inner):
        for who, kernel in (("host", host), ("guest", inner)):
            t.check(ISOLATED in kernel.sh("dmesg").lower(),
                    "PTI, %s beside %s: %s says '%s'" % (
                        name, version, who, ISOLATED))
    _boot(t, "PTI, %s beside %s" % (name, version),
          machine.Options(host=version, guest=name, append="pti=on",
                          guest_append="pti=on", cpu="Skylake-Client"),
          check)


def run(t):
    for model in MODELS + (LONG_MODELS if t.long else ()):
        _boot(t, model, machine.Options(cpu=model, guest=t.guest),
              _beliefs(t, model))
    for name in t.guests:
        _isolation(t, name)
