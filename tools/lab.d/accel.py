# SPDX-License-Identifier: GPL-2.0-only
"""KVM for the outer machine where it works, TCG otherwise.

That /dev/kvm opens does not say that it works: inside some virtual machines
it accepts every call and then makes no progress.  So a real kernel is booted
for a few seconds once per boot of this machine, and the answer kept.
"""

import os
import subprocess

import paths
import ui

PROBE_SECONDS = 20
_chosen = {}


def _boot_id():
    with open("/proc/sys/kernel/random/boot_id") as handle:
        return handle.read().strip()


def _kvm_boots(kernel):
    argv = ["qemu-system-x86_64", "-M", "q35", "-accel", "kvm", "-cpu",
            "host", "-m", "512", "-nodefaults", "-display", "none",
            "-no-reboot", "-serial", "stdio", "-kernel", str(kernel.image),
            "-append", "earlyprintk=serial console=ttyS0 panic=-1"]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL,
                              timeout=PROBE_SECONDS)
    except (subprocess.TimeoutExpired, OSError):
        return False
    return b"Unable to mount root" in done.stdout


def choose(kernel):
    """"kvm" or "tcg"; CVM_LAB_ACCEL decides where it is set."""
    forced = os.environ.get("CVM_LAB_ACCEL")
    if forced:
        return forced
    if "accel" in _chosen:
        return _chosen["accel"]
    accel = "tcg"
    if os.access("/dev/kvm", os.R_OK | os.W_OK):
        note = paths.CACHE / "kvm-probe"
        with ui.locked(note):
            try:
                boot, accel = note.read_text().split()
            except (OSError, ValueError):
                boot = ""
            if boot != _boot_id():
                with ui.step("checking whether KVM works here"):
                    accel = "kvm" if _kvm_boots(kernel) else "tcg"
                note.write_text("%s %s\n" % (_boot_id(), accel))
    _chosen["accel"] = accel
    return accel
