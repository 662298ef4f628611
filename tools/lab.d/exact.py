# SPDX-License-Identifier: GPL-2.0-only
"""Machines whose time is counted instructions.

Under QEMU's icount with shift 0 the virtual clock and the TSC advance by one
nanosecond an instruction.  With one CPU, no disk, no network and a serial
port that only writes a file, two runs are identical, so what they print can
be compared exactly.  Such a machine runs one script and powers off.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile

import build
import children
import debian
import images
import kernels
import machine
import paths
import ui

# AVX and ERMS would let libraries and kernels choose other code by CPUID, and
# a REP counts one instruction an iteration; RDRAND is not repeatable.
CPU = ("max,la57=off,rdrand=off,rdseed=off,erms=off,fsrm=off,avx=off,"
       "avx2=off,pku=off")
APPEND = "console=ttyS0 panic=-1 nokaslr norandmaps random.trust_cpu=off "
LIMIT_SECONDS = 900


def _argv(kernel, initrd, mem, log, append, cpu, extra):
    return ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=single",
            "-icount", "shift=0,sleep=off", "-seed", "1", "-rtc",
            "base=2026-01-01T00:00:00,clock=vm", "-smp", "1", "-cpu", cpu,
            "-m", str(mem), "-nodefaults", "-display", "none", "-no-reboot",
            "-kernel", str(kernel), "-initrd", str(initrd), "-serial",
            "file:%s" % log, "-append", APPEND + append, *extra]


def _boot(kernel, tree, mem, append="", cpu=CPU, extra=(), what="a machine"):
    """Boot, wait for the power-off, return the script's output."""
    where = pathlib.Path(tempfile.mkdtemp(prefix="cvm-exact-"))
    try:
        initrd, log = where / "initrd", where / "serial.log"
        initrd.write_bytes(tree.bytes())
        log.touch()
        argv = _argv(kernel, initrd, mem, log, append, cpu, extra)
        qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                preexec_fn=children.die_with_parent)
        try:
            qemu.wait(LIMIT_SECONDS * paths.PATIENCE)
            ended = True
        except subprocess.TimeoutExpired:
            ended = False
        finally:
            qemu.kill()
            qemu.wait()
        text = log.read_bytes().decode("utf-8", "replace")
    finally:
        shutil.rmtree(where, ignore_errors=True)
    found = re.search(r"@lab begin\r?\n(.*)@lab end (\d+)", text, re.S)
    if not ended or not found or found.group(2) != "0":
        raise ui.LabError("%s under icount %s: %s" % (
            what, "failed" if ended else "hung", ui.reason(text)),
            "the end of its console:\n" + ui.tail(text))
    return found.group(1).replace("\r\n", "\n")


def native(guest, script, files, mem, extra=()):
    """Run a script in the guest's own kernel, booted by QEMU itself."""
    tree = images.guest_system(guest, auto=script)
    for name, data in files.items():
        tree.file(name, data, 0o755)
    return _boot(guest.native, tree, mem, "cvm.lab=auto", extra=extra,
                 what="the guest's kernel on QEMU")


def beside_host(options, host_script, guest_script=None, extra=(),
                more=lambda tree: None):
    """Run a script in the host; the guest's initrd runs the guest's one.
    options.files lie in both systems, more(tree) adds to the host's."""
    kernel = debian.host_kernel(options.host)
    tree = images.host_system(kernel, build.driver(kernel),
                              options.modules, auto=host_script)
    inner = images.guest_system(kernels.guest(options.guest, options.config),
                                auto=guest_script)
    for name, data in options.files.items():
        tree.file(name, data, 0o755)
        inner.file(name, data, 0o755)
    machine.add_guest(tree, options.guest, options.config, inner.bytes())
    more(tree)
    return _boot(kernel.image, tree, options.host_mem, options.append,
                 options.cpu or CPU, extra, what="the host")


def start_guest(options, append=""):
    """The shell line that starts the guest of such a machine."""
    return ("cvmctl run --kernel %s --initrd %s --mem %d --cmdline "
            "'console=hvc0 nokaslr norandmaps random.trust_cpu=off %s'" % (
                machine.guest_file(options.guest), machine.guest_initrd(options.guest),
                options.mem, append))


def plugin(out):
    """QEMU arguments for the operation counter, writing to `out`."""
    source = paths.ROOT / "tests/bench/opmix.c"
    path = build.program(source, "-shared", "-fPIC", "-fvisibility=hidden")
    return ("-plugin", "file=%s,out=%s" % (path, out))
