# SPDX-License-Identifier: GPL-2.0-only
"""The ring-0 NT bed: an image that loads the built cvm.sys as an NT kernel
does and boots a guest under it, in QEMU."""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

import build
import children
import images
import kernels
import ring0
import term
import ui

MEM = 1024
LIMIT = 300
END = re.compile(rb"@lab begin\r?\n(.*?)@lab end (\d+)\r?\n", re.S)


def driver():
    """cvm.sys, cross-compiled."""
    return build.windows_dir() / "hosts/nt/cvm.sys"


def image(name="ntbed.bin"):
    return build.meson_dir("native") / "tests/nt/bed" / name


def mini_guest():
    """A kernel of a few pages that poisons every register."""
    return build.meson_dir("native") / "tests/ring0/guest.bin"


def modules(*files):
    """QEMU's option for files that the loader brings along."""
    return ["-initrd", ",".join(str(f).replace(",", ",,") for f in files)]


def run(args, files, limit=LIMIT, mem=MEM):
    """One test of the bed; a ring0.Result."""
    return ring0.run_image(image(), args, limit, mem=mem,
                           extra=modules(*files))


def _argv(args, files, cpu):
    return ["qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu",
            cpu or ring0.CPU, "-m", str(MEM), "-nodefaults", "-display",
            "none", "-no-reboot", "-kernel", str(image()), "-append", args,
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
            "-chardev", "stdio,id=s,signal=off", "-serial", "chardev:s",
            *modules(*files)]


def _output(argv):
    """What the machine printed, and QEMU's status."""
    out = b""
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE,
                          preexec_fn=children.die_with_parent) as qemu:
        try:
            while chunk := qemu.stdout.read1(65536):
                out += chunk
            return out, qemu.wait()
        except ui.LabError as err:
            text = out.decode("utf-8", "replace")
            raise ui.LabError("%s: %s" % (err, ui.reason(text)),
                              "the end of the console:\n" + ui.tail(text))
        finally:
            qemu.kill()


def _command(options, command, started):
    """Run a command in the guest; its output and status."""
    script = "exec " + " ".join(shlex.quote(word) for word in command) + "\n"
    with tempfile.TemporaryDirectory(prefix="cvm-nt-") as where:
        initrd = pathlib.Path(where) / "initrd"
        kernel = kernels.guest(options.guest)
        initrd.write_bytes(images.guest_system(
            kernel, script.encode()).bytes())
        args = "test=boot mem=%d -- console=hvc0 cvm.lab=auto %s" % (
            options.mem, options.guest_append)
        argv = _argv(args, (driver(), kernel.loadable(), initrd),
                     options.cpu)
        started()
        out, status = _output(argv)
    found = END.search(out)
    if not found or status != ring0.EXIT_PASS:
        text = out.decode("utf-8", "replace")
        raise ui.LabError("the guest did not finish: " +
                          ui.reason(text), ui.tail(text))
    sys.stdout.buffer.write(found.group(1).replace(b"\r\n", b"\n"))
    sys.stdout.buffer.flush()
    return int(found.group(2))


def lab(options, command, started):
    """tools/lab nt: a shell in a guest on the bed, or one command.  Calls
    started() when all is built and the machine begins."""
    if command:
        return _command(options, command, started)
    args = "test=boot input mem=%d -- console=hvc0 cvm.lab=shell " \
        "cvm.term=%s" % (options.mem, os.environ.get("TERM", "linux"))
    kernel = kernels.guest(options.guest)
    argv = _argv(args, (driver(), kernel.loadable(),
                        images.guest_initrd(kernel)), options.cpu)
    started()
    with term._raw(0):
        done = subprocess.run(argv, preexec_fn=children.die_with_parent)
    return 0 if done.returncode == ring0.EXIT_PASS else 1
