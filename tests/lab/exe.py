# SPDX-License-Identifier: GPL-2.0-only
"""cvmctl.exe's command line under Wine: what each command says, where, and
with which exit status."""

import gzip
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time

import build
import inside
import ntbed
import paths

sys.path.insert(0, str(paths.ROOT / "tests/cvmctl"))

import case as samples   # noqa: E402

NOT_INSTALLED = "the libcvm driver is not installed"
NO_GUESTS = "this host cannot run guests (see cvmctl check)"
SECONDS = 60 * paths.PATIENCE
COMMANDS = ("check", "run", "start", "console", "list", "stats", "stop",
            "kill", "driver", "service", "version")


class Exe:
    """cvmctl.exe in C:\\cvm, and files for it in C:\\."""

    def __init__(self, t, here):
        self.t = t
        self.here = here
        self.home = here.drive_c / "cvm"
        self.home.mkdir()
        self.program = self.home / "cvmctl.exe"
        shutil.copy(build.windows_dir() / "tools/cvmctl/cvmctl.exe",
                    self.program)

    def run(self, *words, **how):
        status, out, err = self.here.run([self.program, *words], **how)
        return (status, out.decode().replace("\r\n", "\n"),
                err.decode().replace("\r\n", "\n"))

    def says(self, words, status, *texts):
        """Its exit status, and texts of stdout."""
        got = self.run(*words.split())
        self.t.check(
            got[0] == status and not got[2] and
            all(text in got[1] for text in texts),
            "cvmctl.exe %s: %d" % (words, status), "%s\n%s\n%s" % got)
        return got[1]

    def refuses(self, words, status, *texts):
        """One line on stderr, nothing on stdout."""
        got = self.run(*words.split())
        self.t.check(
            got[0] == status and not got[1] and got[2].count("\n") == 1 and
            got[2].startswith("cvmctl: ") and
            all(text in got[2] for text in texts),
            "cvmctl.exe %s: %d" % (words, status), "%s\n%s\n%s" % got)


def _usage(exe):
    for name in COMMANDS:
        text = exe.says(name + " --help", 0, "Usage: cvmctl " + name)
        exe.t.check(max(map(len, text.split("\n"))) < 80,
                    "cvmctl.exe %s --help: fits into 80 columns" % name, text)
    text = exe.says("--help", 0, "Commands:")
    exe.t.check(all("\n  %s " % name in text for name in COMMANDS),
                "cvmctl.exe --help: names every command", text)
    got = exe.run()
    exe.t.check(got[0] == 2 and not got[1] and got[2] == text,
                "cvmctl.exe alone: 2, the same on stderr", got)
    for words, said in (
            ("frobnicate", "frobnicate: unknown command"),
            ("--frob", "--frob: unknown option"),
            ("list --frob", "--frob: unknown option"),
            ("list 1", "1: unexpected argument"),
            ("stats", "see cvmctl stats --help"),
            ("run", "--kernel: no kernel given"),
            ("run --kernel", "--kernel: FILE is missing"),
            ("run --kernel x --mem 3x", "--mem 3x: not a size"),
            ("run --kernel x --mem 0", "--mem 0: memory size too small"),
            ("driver", "no verb given; use install, start, stop, remove or "
             "status"),
            ("driver frob", "frob: unknown verb; use install, start, stop, "
             "remove or status"),
            ("driver start --json", "--json is for status only"),
            ("driver start C:\\x.sys", "C:\\x.sys: unexpected argument"),
            ("driver install C:\\x.sys --file C:\\y.sys",
             "C:\\x.sys: unexpected argument"),
            ("service frob", "frob: unknown verb; use install, remove or "
             "status"),
            ("service install", "no name given (at most 31 letters"),
            ("service install we/b", "we/b: not a name (at most 31 letters"),
            ("service remove .web", ".web: not a name (at most 31 letters"),
            ("service install web", "no --config FILE given")):
        exe.refuses(words, 2, said)


def _without_driver(exe):
    version = exe.says("version", 0, "cvmctl ", NOT_INSTALLED)
    exe.t.check(json.loads(exe.says("version --json", 0))["driver"] is None,
                "cvmctl.exe version --json: no driver", version)
    exe.says("check", 1, "driver  refused  ", NOT_INSTALLED)
    exe.says("driver status", 1, "not installed")
    for words in ("list", "stats 1", "stop 1", "kill 1", "console 1"):
        exe.refuses(words, 1, "\\\\.\\cvm: ", NOT_INSTALLED)
    for verb in ("start", "stop", "remove"):
        exe.refuses("driver " + verb, 1, "driver: it is not installed")


def _files(exe):
    """Kernels and configurations, good and bad; read before the driver is
    asked for anything."""
    kernel = samples.elf()
    green = exe.here.drive_c / "gr\u00fcn \u65e5"
    green.mkdir()
    for name, data in (
            ("vmlinux", kernel), ("gr\u00fcn \u65e5/vmlinux", kernel),
            ("abi99", samples.elf(abi=99)), ("plain", samples.elf(note=False)),
            ("bz", samples.bzimage(gzip.compress(kernel) +
                                   samples.size_word(kernel))),
            ("cut", kernel[:0x3000]),
            ("good.conf", b"kernel=vmlinux\r\nmem=64\r\nroot=/dev/vda\r\n"),
            ("bad.conf", b"kernel=vmlinux\nmem=3x\n")):
        (exe.here.drive_c / name).write_bytes(data)
    for words, said in (
            ("--kernel C:\\nosuch", "C:\\nosuch: no such file"),
            ("--kernel C:\\nosuch\\x", "C:\\nosuch\\x: no such directory"),
            ("--kernel C:\\cvm", "C:\\cvm: this is a directory"),
            ("--kernel C:\\cvm\\cvmctl.exe", "not a kernel image"),
            ("--kernel C:\\cut", "C:\\cut: "),
            ("--kernel C:\\plain", "not built for libcvm"),
            ("--kernel C:\\abi99", "built for guest ABI 99"),
            ("--kernel C:\\vmlinux --initrd C:\\no", "C:\\no: no such file"),
            ("@C:\\nosuch.conf", "C:\\nosuch.conf: no such file"),
            ("@C:\\bad.conf", "C:\\bad.conf:2: mem: not a size")):
        exe.refuses("run " + words, 1, said)


def _driver(exe):
    exe.refuses("driver install", 1, "C:\\cvm\\cvm.sys: no such file")
    shutil.copy(ntbed.driver(), exe.home / "cvm.sys")
    shutil.copy(ntbed.driver(), exe.here.drive_c / "new.sys")
    for option in ("", "--file "):
        exe.refuses("driver install %sC:\\no.sys" % option, 1,
                    "C:\\no.sys: no such file")
        exe.says("driver install %sC:\\new.sys" % option, 0)
        exe.says("driver status", 1, "stopped", "C:\\new.sys")
        exe.says("driver remove", 0)
    exe.says("driver install", 0)
    exe.refuses("driver install", 1, "it is installed already")
    exe.says("driver status", 1, "stopped", "C:\\cvm\\cvm.sys")
    exe.refuses("list", 1, "the libcvm driver is not started")
    exe.refuses("driver stop", 1, "it is not running")
    exe.says("driver start", 0)
    exe.refuses("driver start", 1, "it is running already")
    exe.says("driver status", 0, "running", "C:\\cvm\\cvm.sys", "VMs      none")
    status = json.loads(exe.says("driver status --json", 0))
    exe.t.check(status["state"] == "running" and status["vms"] == [],
                "cvmctl.exe driver status --json: as said", status)


def _with_driver(exe):
    """All that can be asked where nothing switches worlds."""
    exe.says("version", 0, "driver ", "host nt")
    exe.says("check", 1, "ring-0  refused  the driver itself runs outside")
    rows = json.loads(exe.says("check --json", 1))
    exe.t.check(rows["can_run"] is False and {
        "name": "ring-0", "status": "refused",
        "reason": "the driver itself runs outside ring 0"} in rows["rows"],
        "cvmctl.exe check --json: the row", rows)
    exe.says("list", 0, "NAME")
    exe.t.equal(json.loads(exe.says("list --json", 0)), [],
                "cvmctl.exe list --json: no VM")
    for words in ("stats 1", "stop web", "kill 2", "console web"):
        exe.refuses(words, 1, words.split()[1] + ": no such VM")
    for words in ("--kernel C:\\vmlinux", "--kernel C:\\bz", "@C:\\good.conf",
                  "--kernel=C:\\vmlinux --mem 64 --name web"):
        exe.refuses("run " + words, 1, NO_GUESTS)
    exe.refuses("start @C:\\good.conf", 1, NO_GUESTS)
    got = exe.run("run", "--kernel", "C:\\gr\u00fcn \u65e5\\vmlinux")
    exe.t.check(got[0] == 1 and NO_GUESTS in got[2],
                "cvmctl.exe run: a kernel whose path is not ASCII", got)
    got = exe.run("run", "--kernel", "C:\\gr\u00fcn \u65e5\\no")
    exe.t.equal(got, (1, "", "cvmctl: C:\\gr\u00fcn \u65e5\\no: no such "
                      "file\n"), "cvmctl.exe run: such a path in a message")
    got = exe.run("run", "--kernel", "C:\\vmlinux", "--json")
    last = json.loads(got[2].splitlines()[-1])
    exe.t.check(got[0] == last["status"] == 1 and
                last["reason"] == "refused" and NO_GUESTS in last["text"],
                "cvmctl.exe run --json: the last line", got)


def _pipe(exe):
    """The same to a pipe as to a file, and a reader that goes away."""
    proc = exe.here.popen([exe.program, "run", "--help"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    piped = proc.communicate(timeout=SECONDS)[0].decode().replace("\r\n", "\n")
    exe.t.equal(piped, exe.run("run", "--help")[1],
                "cvmctl.exe run --help: the same to a pipe")
    proc = exe.here.popen([exe.program, "run", "--help"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    proc.stdout.close()
    err = proc.stderr.read().decode()
    proc.stderr.close()
    exe.t.check(proc.wait(SECONDS) == 1 and err.startswith("cvmctl: "),
                "cvmctl.exe run --help: a closed pipe is an error", err)


def _console(exe):
    """On a terminal Wine gives it a Windows console."""
    master, slave = pty.openpty()
    report = exe.here.drive_c / "console.txt"
    shutil.copy(build.windows_dir() / "tests/nt/wine/console_test.exe",
                exe.home)
    tool = "C:\\cvm\\cvmctl.exe "
    proc = exe.here.popen(
        [exe.home / "console_test.exe", "C:\\console.txt",
         tool + "version", tool + "check", tool + "frobnicate",
         tool + "run --kernel C:\\vmlinux"],
        stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = _until_end(proc, master)
    inside.each_line(exe.t, report.read_text(), "cvmctl.exe on a console")
    exe.t.check(b"user ABI" in shown and b"unknown command" in shown and
                NO_GUESTS.encode() in shown,
                "cvmctl.exe on a console: is seen", shown)


def _until_end(proc, master):
    """What a program prints on its terminal until it ends."""
    shown = b""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        ended = proc.poll() is not None
        if select.select([master], [], [], 0.2)[0]:
            try:
                shown += os.read(master, 4096)
            except OSError:
                break
        elif ended:
            break
    os.close(master)
    if proc.poll() is None:
        proc.kill()
    proc.wait()
    return shown


def _serve(exe, why, win32, status, said):
    """Start the service, to end as told; said is in its log, which has to be
    there then."""
    started = exe.here.run(["sc", "start", "cvm-web"])
    end = time.monotonic() + SECONDS
    state = ""
    while "STOPPED" not in state and time.monotonic() < end:
        time.sleep(0.2)
        state = exe.here.run(["sc", "query", "cvm-web"])[1].decode()
    exe.t.check("WIN32_EXIT_CODE    : %d " % win32 in state and
                "SERVICE_EXIT_CODE  : %d " % status in state,
                "the service starts and ends: " + why,
                "%s\n%s" % (started, state))
    if not said:
        return
    log = exe.here.drive_c / "web.log"
    text = log.read_text() if log.exists() else "there is none"
    exe.t.check(said in text, "the service's log: " + why, text)


def _service(exe):
    """A guest as a service: it comes to be asked, and says why not."""
    exe.says("service status", 0, "no guest is a service of this machine")
    exe.refuses("service install web --config C:\\bad.conf", 1,
                "C:\\bad.conf:2: mem: not a size")
    exe.says("service install web --config C:\\good.conf", 0)
    exe.refuses("service install web --config C:\\good.conf", 1,
                "it is installed already")
    exe.says("service status", 0, "web", "stopped", "C:\\good.conf")
    exe.refuses("service run web --config C:\\good.conf", 1,
                "only Windows itself starts this")
    _serve(exe, "no guest can run", 1066, 1, NO_GUESTS)
    (exe.here.drive_c / "good.conf").write_text("kernel=vmlinux\nmem=3x\n")
    _serve(exe, "its file went bad", 1066, 1,
           "C:\\good.conf:2: mem: not a size")
    (exe.here.drive_c / "good.conf").unlink()
    _serve(exe, "its file is gone", 1066, 1, "C:\\good.conf: no such file")
    (exe.here.drive_c / "web.log").unlink()
    (exe.here.drive_c / "web.log").mkdir()
    _serve(exe, "no log can be written", 5, 0, None)
    exe.says("service remove web", 0)
    exe.refuses("service remove web", 1, "web: it is not installed")
    exe.says("service status", 0, "no guest is a service of this machine")


def _gone(exe):
    exe.says("driver stop", 0)
    exe.says("driver status", 1, "stopped")
    exe.says("driver start", 0)
    exe.says("driver remove", 0)
    exe.says("driver status", 1, "not installed")
    exe.refuses("driver remove", 1, "it is not installed")


def run(t, here):
    exe = Exe(t, here)
    _usage(exe)
    _without_driver(exe)
    _files(exe)
    _driver(exe)
    _with_driver(exe)
    _pipe(exe)
    _console(exe)
    _service(exe)
    _gone(exe)
