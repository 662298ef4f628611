# SPDX-License-Identifier: GPL-2.0-only
"""Runs ring-0 images of the bare host in QEMU."""

import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

import children
import paths
import ui

EXIT_PASS = 33
CPU = "max,la57=off"


class Result:
    def __init__(self, status, text):
        self.status = status
        self.text = text
        self.lines = re.findall(r"^(PASS|FAIL|SKIP): (.*?)\r?$", text, re.M)


def argv(image, log, cmdline="", cpu=CPU, icount=False, mem=256, extra=()):
    args = ["qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu", cpu,
            "-m", str(mem), "-nodefaults", "-display", "none", "-no-reboot",
            "-kernel", str(image), "-append", cmdline,
            "-serial", "file:%s" % log,
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4", *extra]
    if icount:
        args += ["-icount", "shift=0,sleep=off", "-seed", "1", "-rtc",
                 "base=2026-01-01T00:00:00,clock=vm"]
    return args


def run_image(image, cmdline="", limit=300, **how):
    """Boot an image and wait for its verdict."""
    with started(image, cmdline, **how) as run:
        return run.finish(limit)


def report(t, result, what):
    """Hand an image's own checks to the test report."""
    for verdict, text in result.lines:
        if verdict == "SKIP":
            t.skip("%s: %s" % (what, text), "image")
        else:
            t.check(verdict == "PASS", "%s: %s" % (what, text))
    t.check(result.status == EXIT_PASS, "%s: exit status" % what,
            "status %s\n%s" % (result.status, ui.tail(result.text)))


class Running:
    def __init__(self, qemu, where):
        self.qemu = qemu
        self.dir = where
        self.log = where / "serial.log"

    def finish(self, limit):
        limit *= paths.PATIENCE
        try:
            status = self.qemu.wait(limit)
        except subprocess.TimeoutExpired:
            status = "timeout after %d s" % limit
        return Result(status, self.text())

    def text(self):
        return self.log.read_bytes().decode("utf-8", "replace")

    def monitor(self):
        return Monitor(self.dir / "qmp")


class Monitor:
    """QEMU's monitor, kept open: thousands of commands in a row."""

    def __init__(self, path, limit=30):
        sock = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + limit * paths.PATIENCE
        while sock.connect_ex(str(path)):
            if time.monotonic() > end:
                raise ui.LabError("QEMU has no monitor at %s" % path)
            time.sleep(0.02)
        self._sock = sock
        self._file = sock.makefile("rwb")
        self._file.readline()
        self.ask("qmp_capabilities")

    def close(self):
        self._file.close()
        self._sock.close()

    def quit(self):
        """QEMU ends as it does by itself, not at once."""
        self.ask("quit")
        self.close()

    def ask(self, command, **arguments):
        request = {"execute": command, "arguments": arguments}
        self._file.write(json.dumps(request).encode() + b"\n")
        self._file.flush()
        while True:
            answer = json.loads(self._file.readline())
            if "error" in answer:
                raise ui.LabError("QEMU: %s: %s" % (command, answer["error"]))
            if "return" in answer:
                return answer["return"]


@contextlib.contextmanager
def started(image, cmdline="", gdb=False, **how):
    """A running image; with gdb it stands still before its first
    instruction, with a gdb stub and a monitor."""
    where = pathlib.Path(tempfile.mkdtemp(prefix="cvm-ring0-"))
    extra = list(how.pop("extra", ()))
    if gdb:
        extra += ["-S", "-gdb", "unix:%s,server=on,wait=off" % (where / "gdb"),
                  "-qmp", "unix:%s,server=on,wait=off" % (where / "qmp")]
    (where / "serial.log").touch()
    qemu = subprocess.Popen(
        argv(image, where / "serial.log", cmdline, extra=extra, **how),
        stdin=subprocess.DEVNULL, preexec_fn=children.die_with_parent)
    try:
        yield Running(qemu, where)
    finally:
        qemu.kill()
        qemu.wait()
        shutil.rmtree(where, ignore_errors=True)
