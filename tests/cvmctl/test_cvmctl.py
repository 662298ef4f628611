#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""cvmctl against a fake driver: what it prints, returns and leaves behind.

usage: test_cvmctl.py CVMCTL FAKE_DRIVER.so [unittest options]
"""
import array
import contextlib
import errno
import fcntl
import glob
import gzip
import json
import lzma
import os
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time
import unittest

import case
from case import (GUEST_ABI, SECONDS, Case, bzimage, cvmctl, elf, environment,
                  lives, lz4, size_word, until)


FEW = 200


@contextlib.contextmanager
def few_files():
    """What is started has a limit of few open files, and may raise it."""
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)


def files_limit(pid):
    """Now, and at most."""
    with open("/proc/%d/limits" % pid) as f:
        line = next(line for line in f if line.startswith("Max open files"))
    return [int(word) for word in line.split()[3:5]]


class Usage(Case):
    def test_help(self):
        for args in ([], ["run"], ["check"], ["list"], ["stats"], ["stop"],
                     ["kill"], ["version"], ["start"], ["console"],
                     ["rescan"]):
            for form in ([*args, "--help"], ["help", *args]):
                result = cvmctl(*form)
                self.assertEqual(result.returncode, 0, form)
                self.assertIn(b"Usage: cvmctl", result.stdout)
                self.assertEqual(result.stderr, b"")
                for text in result.stdout.decode().splitlines():
                    self.assertLessEqual(len(text), 79, text)
                    self.assertEqual(text, text.rstrip())

    def test_mistakes(self):
        self.assertEqual(cvmctl().returncode, 2)
        for args, word in (
                (["frob"], "frob: unknown command"),
                (["--frob"], "--frob: unknown option"),
                (["help", "frob"], "frob: unknown command"),
                (["lst"], "lst: unknown command; did you mean list?"),
                (["run"], "--kernel: no kernel given; use --kernel FILE or "
                 "@CONFIG"),
                (["run", "quiet"], "--kernel: no kernel given"),
                (["run", "--kernel"], "--kernel: FILE is missing"),
                (["run", "--frob"], "--frob: unknown option"),
                (["run", "-k", "x"], "-k: unknown option"),
                (["run", "--kernl=x"], "--kernl=x: unknown option; did you "
                 "mean --kernel?"),
                (["run", "--kernel", "x", "--mem", "12q"], "not a size"),
                (["run", "--kernel", "x", "--mem", "0"], "too small"),
                (["run", "--kernel", "x", "--mem", "99999999999999G"],
                 "not a size"),
                (["run", "--kernel", "x", "--name", "a/b"], "not a name"),
                (["run", "--kernel", "x", "--grace", "0"], "not a number of "
                 "seconds (1 .. 2147483)"),
                (["stop", "x", "--timeout", "0"], "not a number of seconds"),
                (["stop", "x", "--timeout", "1K"], "not a number of seconds"),
                (["run", "--kernel", "x", "--name", "n" * 32], "not a name"),
                (["run", "--kernel", "x", "--detach-key", "x"], "not a key"),
                (["run", "--kernel", "x", "--quiet=1"], "takes no value"),
                (["run", "--mem", "1", "--mem=2"], "--mem: given a second "
                 "time"),
                (["run", "--quiet", "--quiet"], "--quiet: given a second"),
                (["help", "run", "x"], "x: unexpected argument"),
                (["image", "create", "x", "--json"], "--json is for info "
                 "only"),
                (["image", "info", "x", "--size=1G"], "no option but --json"),
                (["image", "info", "x", "--suite", "y"], "no option but"),
                (["service", "status", "--config", "x"], "is for install "
                 "only"),
                (["service", "remove", "x", "--config", "x"], "is for install "
                 "only"),
                (["stop"], "no VM given"), (["kill"], "no VM given"),
                (["stats"], "no VM given"), (["console"], "no VM given"),
                (["rescan"], "no VM given"),
                (["list", "x"], "unexpected argument")):
            self.refused(cvmctl(*args), 2, word, "--help")

    def test_full_disk(self):
        with open("/dev/full", "wb") as full:
            for args in (["version"], ["list"], ["stats", "7"], ["check"]):
                result = subprocess.run(
                    [case.CVMCTL, *args], stdout=full, stderr=subprocess.PIPE,
                    env=environment(), timeout=SECONDS)
                self.assertEqual(result.returncode, 1)
                self.assertIn(b"cvmctl: stdout: No space", result.stderr)


class Driver(Case):
    def test_absent(self):
        for args in (["list"], ["stats", "7"], ["stop", "7"], ["kill", "7"]):
            self.refused(cvmctl(*args, ERRNO=2), 1, "/dev/cvm",
                         "driver is not loaded")
        self.refused(self.run_vm(ERRNO=2), 1, "driver is not loaded")
        self.refused(self.run_vm(ERRNO=13), 1, "permission denied")
        self.refused(self.run_vm(ERRNO=1), 1, "CAP_SYS_RAWIO")
        result = cvmctl("version", ERRNO=2)
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"no driver", result.stdout)

    def test_other_version(self):
        self.refused(cvmctl("list", NO_VERSION=1), 1, "not a libcvm driver")
        self.refused(cvmctl("list", ABI=0), 1, "too old")
        self.refused(self.run_vm(ABI=9), 1, "too new", "user ABI 9")
        self.refused(self.run_vm(GUEST_ABI=99), 1, "vmlinux",
                     f"built for guest ABI {GUEST_ABI}, but the driver has "
                     "guest ABI 99")

    def test_check(self):
        result = cvmctl("check")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"This host can run guests.", result.stdout)
        self.assertNotIn(b"\033", result.stdout)
        result = cvmctl("check", FRED=1)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"fred       refused  the host uses FRED",
                      result.stdout)
        result = cvmctl("check", "--json", FRED=1)
        self.assertEqual(result.returncode, 1)
        told = json.loads(result.stdout)
        self.assertFalse(told["can_run"])
        self.assertEqual(told["rows"][-1]["name"], "fred")
        self.assertEqual(told["rows"][-1]["status"], "refused")
        told = json.loads(cvmctl("check", "--json", ERRNO=2).stdout)
        self.assertEqual([r["status"] for r in told["rows"]], ["refused"])

    def told(self, files):
        """What check says of a driver that a kernel with these has not."""
        with tempfile.TemporaryDirectory() as root:
            for name, data in files.items():
                path = root + name % os.uname().release if "%" in name else \
                    root + name
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as f:
                    f.write(data)
            result = cvmctl("check", "--json", ERRNO=2, ROOT=root)
        self.assertEqual(result.returncode, 1)
        row, = json.loads(result.stdout)["rows"]
        start = "/dev/cvm: the libcvm driver is not loaded: "
        self.assertEqual(row["reason"][:len(start)], start)
        return row["reason"][len(start):]

    def test_why_not_loaded(self):
        enforce = "/sys/module/module/parameters/sig_enforce"
        lockdown = "/sys/kernel/security/lockdown"
        module = "/lib/modules/%s/extra/cvm.ko"
        release = os.uname().release
        self.assertEqual(self.told({}), "build cvm.ko for kernel %s and load "
                         "it with insmod (docs/install.md)" % release)
        self.assertEqual(self.told({module: b"x", enforce: b"N\n", lockdown:
                         b"[none] integrity confidentiality\n"}),
                         "modprobe cvm loads it")
        self.assertIn("sign it (scripts/sign-file", self.told(
            {module: b"\x7fELF" * 99, enforce: b"Y\n"}))
        self.assertIn("know the key of /lib/modules/%s/extra/cvm.ko: enrol" %
                      release, self.told({
                          module: b"x~Module signature appended~\n",
                          enforce: b"Y\n"}))
        self.assertIn("locked down (integrity), as with Secure Boot", self.told(
            {lockdown: b"none [integrity] confidentiality\n",
             enforce: b"Y\n"}))
        self.assertIn("until the machine is booted anew", self.told(
            {"/proc/sys/kernel/modules_disabled": b"1\n"}))
        log = (b"5,1,2,-;Loading of unsigned module is rejected\n"
               b"6,2,3,-;Linux version\n SUBSYSTEM=x\n"
               b"3,3,4,-;Loading of module with unavailable key is rejected\n"
               b"6,4,5,-;usb 1-1: new\n")
        self.assertTrue(self.told({enforce: b"Y\n", "/dev/kmsg": log})
                        .endswith(" (the kernel has said: Loading of module "
                                  "with unavailable key is rejected)"))

    def test_version(self):
        told = json.loads(cvmctl("version", "--json").stdout)
        self.assertEqual(told["driver"]["host"], "linux")
        told = json.loads(cvmctl("version", "--json", ERRNO=2).stdout)
        self.assertIsNone(told["driver"])

    def test_features(self):
        """What it says it has is what it is linked with."""
        linked = subprocess.run(["readelf", "-d", case.CVMCTL],
                                stdout=subprocess.PIPE, text=True).stdout
        libraries = {"slirp": "libslirp", "io_uring": "liburing",
                     "zstd": "libzstd", "lzma": "liblzma"}
        there = {name: "[%s.so" % library in linked
                 for name, library in libraries.items()}
        self.assertEqual(json.loads(
            cvmctl("version", "--json").stdout)["features"], there)
        lines = cvmctl("version").stdout.decode().splitlines()
        for word, wanted in (("with", True), ("without", False)):
            names = [name for name in there if there[name] == wanted]
            self.assertEqual(" ".join([word] + names) in lines, bool(names))

    def test_list(self):
        out = cvmctl("list", VMS=2).stdout.decode()
        self.assertIn("6.12.117-cvm", out)
        self.assertIn("evil\\x1b[2Jname", out)
        self.assertNotIn("\033", out)
        told = json.loads(cvmctl("list", "--json", VMS=2).stdout)
        self.assertEqual([vm["id"] for vm in told], [7, 12])
        self.assertEqual(told[0]["kernel"], "6.12.117-cvm")
        self.assertEqual(json.loads(cvmctl("list", "--json", VMS=0).stdout),
                         [])

    def test_stats(self):
        for word in ("7", "web"):
            out = cvmctl("stats", word).stdout.decode()
            self.assertRegex(out, r"switches +38123")
            self.assertRegex(out, r"0x22 +10 +9  \*")
            self.assertRegex(out, r"guest_tsc +61\.7 s")
        told = json.loads(cvmctl("stats", "--json", "7").stdout)
        self.assertEqual(told["switches"], 38123)
        self.assertEqual(told["exits"], {"irq": 20000, "idle": 18000,
                                         "39": 1})
        self.assertEqual(told["vector"], {"0x22": 10, "0xec": 19990})
        self.refused(cvmctl("stats", "8"), 1, "8: no such VM")

    def test_stop_kill(self):
        result = cvmctl("stop", "web")
        self.assertEqual((result.returncode, result.stderr),
                         (0, b"fake: STOP 7\n"))
        result = cvmctl("kill", "7")
        self.assertEqual((result.returncode, result.stderr),
                         (0, b"fake: KILL 7\n"))
        self.refused(cvmctl("kill", "nobody"), 1, "nobody: no such VM")

    def test_which(self):
        """A word means one VM or none, to every command."""
        for verb in "stop", "kill", "stats", "console":
            result = cvmctl(verb, "12", VMS=2, NAME="12")
            self.refused(result, 1, "12: the ID of one VM and the name of "
                         "another; use id:12 or name:12")
            result = cvmctl(verb, "web", VMS=2, NAME2="web")
            self.refused(result, 1, "web: more than one VM has this name")
            for word in "07", "7x", "+7", "id:web", "name:7", "id:":
                self.refused(cvmctl(verb, word), 1, word + ": no such VM")
        for word, number in (("12", 12), ("id:12", 12), ("7", 7),
                             ("name:12", 7), ("id:7", 7)):
            name = "7" if word == "7" else "12" if ":" in word else "web"
            result = cvmctl("kill", word, VMS=2, NAME=name)
            self.assertEqual((result.returncode, result.stderr),
                             (0, b"fake: KILL %d\n" % number), word)


class Visible(Case):
    """Nothing that others wrote moves the cursor in what we say of it."""

    DIRTY = b"a\x1b[2J\r\x9b1m\xc2\x9b2m\xe2\x80\xaeb\x07"

    def clean(self, result, status):
        self.assertEqual(result.returncode, status, result)
        for text in result.stdout, result.stderr:
            for line in text.decode().split("\n"):
                self.assertTrue(line.isprintable(), line)
        self.assertIn(b"a\\x1b[2J\\x0d", result.stdout + result.stderr)

    def test_names(self):
        dirty = self.file(self.DIRTY.decode("utf-8", "surrogateescape"),
                          b"kernal=1")
        kernel = "--kernel=" + self.kernel
        for args, status in (
                ([dirty], 2), (["run", "--" + dirty], 2),
                (["run", "--kernel", dirty], 1), (["run", "@" + dirty], 1),
                (["run", kernel, "--name", dirty], 2),
                (["run", kernel, "eth0=" + dirty], 1),
                (["run", kernel, "ttys0=socket:" + dirty], 1),
                (["run", kernel, "exec0=" + dirty], 1),
                (["run", kernel, "cobd0=" + dirty], 1),
                (["run", kernel, "user=" + dirty], 1),
                (["stop", dirty], 1), (["stats", dirty], 1),
                (["console", dirty], 1), (["image", "info", dirty], 1),
                (["image", "create", dirty], 1),
                (["driver", dirty], 2)):
            with self.subTest(args):
                self.clean(cvmctl(*args), status)

    def test_image(self):
        image = self.file(self.DIRTY.decode("utf-8", "surrogateescape"),
                          bytes(1 << 20))
        self.clean(cvmctl("image", "info", image), 0)
        self.file(image, b"QFI\xfb".ljust(512, b"\0"))
        self.clean(cvmctl("image", "info", image), 0)

    def test_driver(self):
        name = os.fsdecode(self.DIRTY)
        for args, fake in ((["list"], {"NAME": name}),
                           (["stats", "7"], {"NAME": name}),
                           (["check"], {"ROW": name})):
            self.clean(cvmctl(*args, **fake), 0)

    def test_guest(self):
        result = self.run_vm(stdin=b"panic\n")
        self.assertEqual(result.stderr.split(b": ", 2)[2], b"guest panic: "
                         b"Attempted to kill init! \\x1b[31m\\x9b1m"
                         b"\\xc2\\x9b\\xe2\\x80\\xae\n")
        told = json.loads(self.run_vm("--json", stdin=b"panic\n").stderr)
        self.assertTrue(told["text"].endswith("init! \x1b[31m?1m\x9b\u202e"))


class Files(Case):
    def start(self, data, *words, status=1, **fake):
        self.kernel = self.file("image", data)
        result = self.run_vm(**fake)
        if status:
            self.refused(result, status, self.kernel, *words)
        else:
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_kernels(self):
        self.start(elf(), status=0)
        self.start(b"", "not a kernel image")
        self.start(b"#!/bin/sh\n", "not a kernel image")
        self.start(elf()[:0x1800], "truncated")
        self.start(elf(machine=183), "machine 183")
        self.start(elf(note=False), "not built for libcvm")
        self.start(elf(abi=9), "guest ABI 9")
        self.kernel = "/nonexistent"
        self.refused(self.run_vm(), 1, "/nonexistent: No such file")
        self.kernel = "/"
        self.refused(self.run_vm(), 1, "/: Is a directory")

    def test_packed(self):
        kernel = elf()
        end = size_word(kernel)
        packed = {
            "none": kernel,
            "gzip": gzip.compress(kernel),
            "xz": lzma.compress(kernel) + end,
            "lzma": lzma.compress(kernel, format=lzma.FORMAT_ALONE) + end,
            "lz4": lz4(kernel) + end,
            "zstd": subprocess.run(["zstd", "-c"], input=kernel, check=True,
                                   capture_output=True).stdout + end,
        }
        for kind, payload in packed.items():
            with self.subTest(kind):
                self.start(bzimage(payload), status=0)
                self.start(bzimage(payload)[:-9], "truncated")
                if kind == "none":
                    continue
                half = len(payload) // 2
                broken = payload[:half] + b"\xff\x55" * 20 + \
                    payload[half + 40:-4] + payload[-4:]
                # lz4 has no checksum: the image is wrong then, not its form.
                self.start(bzimage(broken), "" if kind == "lz4" else kind)
                short = payload[:half] + end
                self.start(bzimage(short), kind, "cannot be unpacked")
                for size in 0, len(kernel) - 1, len(kernel) + 1:
                    wrong = payload[:-4] + struct.pack("<I", size)
                    self.start(bzimage(wrong), "cannot be unpacked")
                bomb = payload[:-4] + struct.pack("<I", 0xf0000000)
                self.start(bzimage(bomb), "claims to unpack to 3840 MiB")
        self.start(bzimage(lz4(kernel, 4096) + end), status=0)
        self.start(bzimage(b"BZh9" + bytes(100)), "bzip2",
                   "vmlinux file instead")
        self.start(bzimage(gzip.compress(b"hello" * 9)), "not a kernel")

    def test_pipes(self):
        """Files that are no files: process substitution in a shell."""
        script = ('exec "$1" run --kernel <(cat "$2") --initrd <(echo x) '
                  '<<< poweroff')
        result = subprocess.run(["bash", "-c", script, "-", case.CVMCTL,
                                 self.kernel], capture_output=True,
                                env=environment(), timeout=SECONDS)
        self.assertEqual(result.returncode, 0, result.stderr)

    def endless(self, *args):
        """With little memory, and @ARGS that bash opens."""
        words = " ".join(arg if "<(" in arg else "'%s'" % arg for arg in args)
        return subprocess.run(
            ["bash", "-c", "ulimit -v 2000000; exec '%s' %s" %
             (case.CVMCTL, words)], capture_output=True,
            stdin=subprocess.DEVNULL, env=environment(), timeout=SECONDS)

    def test_endless(self):
        """No file is read for ever, nor until there is no memory left."""
        if case.sanitized():
            self.skipTest("a sanitized tool reserves terabytes")
        kernel = "--kernel=" + self.kernel
        for args in (["run", "--kernel", "/dev/zero"],
                     ["run", "kernel=/dev/zero"], ["run", "@/dev/zero"],
                     ["run", kernel, "--initrd", "/dev/zero"],
                     ["image", "create", "x", "--ssh-key", "/dev/zero"],
                     ["image", "create", "x", "--password", "/dev/zero"]):
            self.refused(self.endless(*args), 1,
                         "/dev/zero: neither a file nor a pipe")
        self.refused(self.endless("image", "info", "/dev/zero"), 1,
                     "/dev/zero: neither a file nor a disk")
        zeroes = "<(exec cat /dev/zero)"
        for args, why in (
                (["run", "@" + zeroes], "a configuration file has at most 1 "
                 "MiB"),
                (["run", kernel, "--mem", "64", "--initrd=" + zeroes],
                 "an initrd for this guest has at most 64 MiB"),
                (["image", "create", "x", "--ssh-key=" + zeroes],
                 "a file of keys has at most 64 KiB"),
                (["image", "create", "x", "--password=" + zeroes],
                 "a file with a password has at most 64 KiB")):
            self.refused(self.endless(*args), 1, ": too large: " + why)
        huge = self.file("huge", b"")
        for size, args, why in (
                (3 << 30, ["--kernel", huge], "a kernel has at most 2048 MiB"),
                (2 << 20, ["@" + huge], "a configuration file has at most 1 "
                 "MiB")):
            os.truncate(huge, size)
            self.refused(cvmctl("run", *args), 1, "huge: too large: " + why)

    def test_memory(self):
        self.refused(self.run_vm("--mem", "2048"), 1, "memory: the host "
                     "cannot give 2048 MiB")
        self.refused(self.run_vm("--mem", "999G", "--min-address", "4G"), 1,
                     "above --min-address")
        self.refused(self.run_vm("--mem", "2"), 1, "memory: 2 MiB are too "
                     "little", "at least")
        initrd = self.file("initrd", bytes(20 << 20))
        self.refused(self.run_vm("--mem", "16", "--initrd", initrd), 1,
                     "initrd 20 MiB")
        result = self.run_vm("--mem", "32", "--initrd", initrd,
                             "--min-address", "4G")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.refused(self.run_vm("--initrd", "/nope"), 1, "/nope: No such")
        self.refused(self.run_vm("--cmdline", "x" * 2048), 1,
                     "command line: 2048 characters")
        self.refused(self.run_vm(REFUSE=1), 1, "see cvmctl check")

    def test_refused_json(self):
        result = self.run_vm("--json", "--name", "a", "--mem", "2")
        self.assertEqual(result.returncode, 1)
        told = json.loads(result.stderr)
        self.assertEqual((told["status"], told["reason"], told["name"]),
                         (1, "refused", "a"))
        self.assertIn("memory: 2 MiB are too little", told["text"])


class Run(Case):
    def test_endings(self):
        for word, status, reason, text in (
                (b"poweroff", 0, "poweroff", "powered off"),
                (b"panic", 3, "panic",
                 "guest panic: Attempted to kill init!"),
                (b"reboot", 4, "reboot", "asked for a reboot"),
                (b"fatal", 5, "fatal", "ended by the monitor: page fault at 0x10"),
                (b"refuse", 1, "refused", "CR4 has VMXE")):
            name = "vm.%d" % os.getpid()
            result = self.run_vm("--name", name, stdin=word + b"\n")
            err = result.stderr.decode()
            self.assertEqual(result.returncode, status)
            self.assertTrue(err.startswith("cvmctl: %s: " % name), err)
            self.assertIn(text, err)
            self.assertEqual(err.count("\n"), 1)
            self.assertNotIn("\033", err)
            result = self.run_vm("--quiet", stdin=word + b"\n")
            self.assertEqual(result.returncode, status)
            self.assertEqual(result.stderr == b"", status == 0)
            result = self.run_vm("--json", stdin=word + b"\n")
            told = json.loads(result.stderr)
            self.assertEqual((told["status"], told["reason"], told["id"]),
                             (status, reason, 7))

    def test_cmdline(self):
        """Whatever is given reaches the guest, or is refused."""
        conf = self.file("vm.conf", b"quiet root=/dev/x\n")
        for args, said in (
                ([], "console=hvc0"),
                (["single", "a=b"], "console=hvc0 single a=b"),
                (["@" + conf, "single"], "console=hvc0 quiet root=/dev/x "
                 "single"),
                (["--cmdline", "x y"], "x y"),
                (["--cmdline", "x y", "single", "a=b"], "x y single a=b"),
                (["--cmdline", "", "single"], "single"),
                (["@" + conf, "--cmdline", "x", "y"], "x y")):
            result = self.run_vm(*args, stdin=b"cmdline\npoweroff\n")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(b"\r\n[%s]\r\n" % said.encode(), result.stdout)

    def test_dialogue(self):
        result = self.run_vm(stdin=b"hello\npoweroff\n")
        self.assertEqual(result.stdout, b"$ hello\r\nyou said: hello\r\n"
                         b"$ poweroff\r\nbye\r\n")

    def test_much_input(self):
        """The ring holds 64 bytes: all the rest waits for room."""
        lines = [b"line %05d" % n for n in range(3000)]
        result = self.run_vm(stdin=b"\n".join(lines) + b"\npoweroff\n")
        self.assertEqual(result.returncode, 0)
        said = [text[10:] for text in result.stdout.split(b"\r\n")
                if text.startswith(b"you said: ")]
        self.assertEqual(said, lines)

    def test_much_output(self):
        result = self.run_vm(stdin=b"spam 5000\npoweroff\n")
        self.assertEqual(result.stdout.count(b"x"), 5000 * 4000)

    def test_end_of_input(self):
        """EOF on stdin ends nothing; the signal does."""
        vm = self.spawn(stdin=subprocess.DEVNULL)
        self.expect(vm, b"$ ")
        time.sleep(0.3)
        self.assertIsNone(vm.poll())
        vm.send_signal(signal.SIGTERM)
        self.expect(vm, b"power button")
        self.assertEqual(vm.wait(SECONDS), 0)

    def test_no_polling(self):
        """An idle guest costs nothing."""
        vm = self.spawn(stdin=subprocess.PIPE)
        self.expect(vm, b"$ ")
        self.assertTrue(until(lambda: self.idles(vm)))
        vm.stdin.write(b"poweroff\n")
        vm.stdin.flush()
        self.assertEqual(vm.wait(SECONDS), 0)

    def test_no_descriptors(self):
        """Who connects then waits, and costs nothing; later it is let in."""
        name = "full-%d" % os.getpid()
        first = self.spawn(subprocess.PIPE)
        self.expect(first, b"$ ")
        few = 4 + max(map(int, os.listdir("/proc/%d/fd" % first.pid)))
        vm = self.spawn(subprocess.PIPE, args=("--name", name),
                        files=few)
        self.expect(vm, b"$ ")
        peers = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                 for i in range(5)]     # there is a queue for so many
        for peer in peers:
            self.addCleanup(peer.close)
            peer.connect("%s/%s.sock" % (case.RUN_DIR, name))
        self.assertTrue(select.select([vm.stderr], [], [], SECONDS)[0])
        self.assertIn(b".sock: Too many open files", vm.stderr.readline())
        self.assertTrue(until(lambda: self.idles(vm, 2)))
        for peer in peers[:-1]:
            peer.close()
        peers[-1].send(b"q" + bytes(4))
        self.assertTrue(peers[-1].recv(4096))
        for one in first, vm:
            one.stdin.write(b"poweroff\n")
            one.stdin.flush()
            self.assertEqual(one.wait(SECONDS), 0)
        self.assertNotIn(b"open files", vm.stderr.read())

    def test_no_threads(self):
        """All are there before the guest runs, or it does not."""
        name = "few-%d" % os.getpid()
        disk = self.file("disk.img", bytes(1 << 20))
        log = os.path.join(self.tmp.name, "log")
        args = ("--kernel", self.kernel, "--quiet", "--name", name,
                "ttys1=pty", "ttys2=file:" + log,
                "scsi0=disk,%s,64" % disk)
        changed = []
        for n in range(1, 30):
            result = cvmctl("run", *args, stdin=b"poweroff\n", THREADS=n)
            if not result.returncode:
                break
            self.refused(result, 1, "no thread for", "pids.max")
            self.refused(cvmctl("start", *args, THREADS=n), 1, "pids.max")
            self.assertEqual(glob.glob("%s/%s.*" % (case.RUN_DIR, name)), [])
            self.assertEqual(os.stat(disk).st_size, 1 << 20)
            changed.append(os.path.exists(log))
        # One of the port, of the randomness, of the vCPU, some of the disk;
        # they are tried before rights are given up.
        self.assertGreaterEqual(n, 1 + 2 * 4)
        self.assertFalse(any(changed[:n // 2]))
        self.assertEqual(os.stat(disk).st_size, 64 << 20)

    def test_confined(self):
        """Each thread has no rights, and a filter."""
        vm = self.spawn(stdin=subprocess.PIPE,
                        groups=None if os.getuid() else [4, 6])
        self.expect(vm, b"$ ")
        threads = os.listdir("/proc/%d/task" % vm.pid)
        self.assertGreater(len(threads), 1)
        nobody = "%d" % (os.getuid() or 65534)
        for thread in threads:
            with open("/proc/%d/task/%s/status" % (vm.pid, thread)) as f:
                status = dict(line.split(":\t", 1) for line in f)
            self.assertEqual(status["Uid"].split(), 4 * [nobody])
            for name in ("CapInh", "CapPrm", "CapEff", "CapAmb") + (
                    () if os.getuid() else ("CapBnd",)):
                self.assertEqual(int(status[name], 16), 0, name)
            if not os.getuid():
                self.assertEqual(status["Groups"].strip(), "")
            self.assertEqual(int(status["NoNewPrivs"]), 1)
            self.assertEqual(int(status["Seccomp"]), 2)
        vm.stdin.write(b"poweroff\n")
        vm.stdin.flush()
        self.assertEqual(vm.wait(SECONDS), 0)

    def test_files(self):
        """As many open files as it may have; a guest has connections."""
        with few_files():
            vm = self.spawn(stdin=subprocess.PIPE)
        self.expect(vm, b"$ ")
        soft, hard = files_limit(vm.pid)
        self.assertNotEqual(hard, FEW)
        self.assertEqual(soft, hard)
        vm.stdin.write(b"poweroff\n")
        vm.stdin.flush()
        self.assertEqual(vm.wait(SECONDS), 0)

    def test_signals(self):
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            vm = self.spawn(stdin=subprocess.DEVNULL, STUBBORN=1)
            self.expect(vm, b"$ ")
            vm.send_signal(sig)
            self.expect(vm, b"power button")
            self.assertIsNone(vm.poll())
            vm.send_signal(sig)
            self.assertEqual(vm.wait(SECONDS), 5)
            self.assertIn(b"killed", vm.stderr.read())

    def test_grace(self):
        """A guest that does not hear is asked once, and then ended."""
        for args in ["--grace", "1"], ["grace=1"]:
            vm = self.spawn(stdin=subprocess.DEVNULL, args=args, STUBBORN=1)
            self.expect(vm, b"$ ")
            vm.terminate()
            self.expect(vm, b"power button")
            self.assertEqual(vm.wait(SECONDS), 5)
            self.assertIn(b": killed: it did not power off within 1 s\n",
                          vm.stderr.read())

    def test_kill_while_output_stuck(self):
        vm = self.spawn(stdin=subprocess.PIPE, STUBBORN=1)
        vm.stdin.write(b"spam 1000\n")
        vm.stdin.flush()
        self.assertTrue(until(lambda: self.unread(vm.stdout) > 32768))
        self.assertIsNone(vm.poll())
        self.asked_twice(vm)
        self.assertEqual(vm.wait(SECONDS), 5)

    def test_closed_output(self):
        vm = self.spawn(stdin=subprocess.PIPE)
        self.expect(vm, b"$ ")
        vm.stdout.close()
        vm.stdin.write(b"hello\npoweroff\n")
        vm.stdin.flush()
        self.assertEqual(vm.wait(SECONDS), 0)
        err = vm.stderr.read()
        self.assertEqual(err.count(b"output is dropped"), 1)

    def test_no_output(self):
        """Nothing of the VM's has the number of a stdout that is closed."""
        vm = self.spawn(stdin=subprocess.PIPE, closed=(1,))
        err = vm.communicate(b"poweroff\n", SECONDS)[1]
        self.assertEqual(vm.returncode, 0)
        self.assertIn(b"stdout: Bad file descriptor", err)

    def test_wild_output(self):
        result = self.run_vm(stdin=b"wild\nwild\npoweroff\n")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stderr.count(b"outside its memory"), 1)

    def test_nonblocking_output(self):
        """Somebody else set O_NONBLOCK on our stdout."""
        read, write = os.pipe()
        os.set_blocking(write, False)
        vm = self.spawn(stdin=subprocess.PIPE, stdout=write)
        os.close(write)
        vm.stdin.write(b"spam 200\npoweroff\n")
        vm.stdin.close()
        time.sleep(0.3)
        got = 0
        while True:
            data = os.read(read, 65536)
            if not data:
                break
            got += data.count(b"x")
        os.close(read)
        self.assertEqual(vm.wait(SECONDS), 0)
        self.assertEqual(got, 200 * 4000)

    def spawn(self, stdin, stdout=subprocess.PIPE, closed=(), groups=None,
              args=(), files=None, **fake):
        def prepare():
            for fd in closed:
                os.close(fd)
            if files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

        vm = subprocess.Popen(
            [case.CVMCTL, "run", "--kernel", self.kernel, *args], stdin=stdin,
            stdout=stdout, stderr=subprocess.PIPE, env=environment(**fake),
            extra_groups=groups,
            preexec_fn=prepare)
        self.addCleanup(self.reap, vm)
        return vm

    def expect(self, vm, what):
        seen = b""
        end = time.monotonic() + SECONDS
        while what not in seen:
            ready = select.select([vm.stdout], [], [],
                                  max(0, end - time.monotonic()))[0]
            self.assertTrue(ready, "%r, not %r" % (seen, what))
            data = os.read(vm.stdout.fileno(), 4096)
            self.assertTrue(data, "%r, not %r" % (seen, what))
            seen += data

    @staticmethod
    def unread(pipe):
        count = array.array("i", [0])
        fcntl.ioctl(pipe, termios.FIONREAD, count)
        return count[0]

    @staticmethod
    def used(vm):
        """Time on the CPU, and how often each thread went to sleep."""
        with open("/proc/%d/stat" % vm.pid) as f:
            used = f.read().rsplit(")", 1)[1].split()[11:13]
        for thread in sorted(os.listdir("/proc/%d/task" % vm.pid)):
            with open("/proc/%d/task/%s/status" % (vm.pid, thread)) as f:
                used += [line for line in f if line.startswith("voluntary")]
        return used

    def idles(self, vm, what=None):
        """For a second; it may have had something to end before.  2: it may
        wake up now and then, for nothing."""
        before = self.used(vm)[:what]
        time.sleep(1)
        return self.used(vm)[:what] == before


class Claims(Case):
    """Nothing on the host is changed before everything is claimed."""

    def setUp(self):
        super().setUp()
        self.disk = self.file("disk.img", bytes(1 << 20))
        self.grown = "scsi0=disk,%s,64" % self.disk

    def start(self, *words):
        vm = subprocess.Popen(
            [case.CVMCTL, "run", "--kernel", self.kernel, *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment())
        self.addCleanup(self.reap, vm)
        Run.expect(self, vm, b"$ ")
        return vm

    def size(self):
        return os.stat(self.disk).st_size

    def test_grown(self):
        """It is, when the guest runs; a longer one is never cut."""
        for mib, bytes_ in (64, 64 << 20), (32, 64 << 20):
            vm = self.start("scsi0=disk,%s,%d" % (self.disk, mib))
            self.assertEqual(self.size(), bytes_)
            # The disk is in use until its VM has ended.
            vm.communicate(b"poweroff\n", timeout=SECONDS)

    def test_in_use(self):
        self.start("cobd0=" + self.disk)
        self.refused(self.run_vm(self.grown), 1, self.disk, "in use")
        self.assertEqual(self.size(), 1 << 20)

    def test_refused_later(self):
        """By any of those that come after the disk."""
        none = self.tmp.name + "/none"
        wrong = [["scsi1=disk," + none], ["eth0=tap,cvm-none"],
                 ["scsi1=disk,%s,32" % self.disk],
                 ["ttys0=file:%s/x" % none], ["ttys0=" + none],
                 ["exec0=" + none]]
        if not os.getuid():
            wrong.append(["user=cvm-none"])
        for words in wrong:
            with self.subTest(words):
                self.refused(self.run_vm(self.grown, *words), 1)
                self.assertEqual(self.size(), 1 << 20)
        self.refused(self.run_vm(self.grown, REFUSE=1), 1)
        self.assertEqual(self.size(), 1 << 20)

    def test_cannot_grow(self):
        self.refused(cvmctl("run", "--kernel", self.kernel,
                            "scsi0=disk,%s,1048576" % self.disk,
                            preexec_fn=lambda: resource.setrlimit(
                                resource.RLIMIT_FSIZE, (1 << 39, 1 << 39))),
                     1, self.disk, "cannot grow to 1099511627776 bytes")
        self.assertEqual(self.size(), 1 << 20)

    def test_file_port(self):
        """Its file stays when the VM has run, and one that was there."""
        path = self.tmp.name + "/out"
        words = ("ttys0=file:" + path, "ttys1=file:/nonexistent/out")
        self.refused(self.run_vm(*words), 1, "/nonexistent/out")
        self.assertFalse(os.path.exists(path))
        self.file("out", b"")
        self.refused(self.run_vm(*words), 1, "/nonexistent/out")
        self.assertTrue(os.path.exists(path))
        os.unlink(path)
        result = self.run_vm(words[0])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(os.path.exists(path))

    def test_serial_line(self):
        """Its mode is as it was."""
        ours, theirs = os.openpty()
        before = termios.tcgetattr(theirs)
        self.refused(self.run_vm('ttys0=%s,"BAUD=9600"' % os.ttyname(theirs),
                                 "ttys1=file:/nonexistent/out"), 1)
        self.assertEqual(termios.tcgetattr(theirs), before)
        os.close(ours)
        os.close(theirs)


class Rescan(Case):
    """Disks that become longer or shorter while the guest runs."""

    def test_rescan(self):
        disk = self.file("disk.img", bytes(1 << 20))
        other = self.file("other.img", bytes(1 << 20))
        Claims.start(self, "--name", "web", "cobd0=" + disk,
                     "scsi3=disk,%s,1" % other)
        os.truncate(disk, 3 << 20)
        os.truncate(other, 1 << 19)
        for words, said in (
                (["cobd0"], "cobd0: 3145728 bytes now, 1048576 before; the "
                 "guest was told\n"),
                ([], "cobd0: 3145728 bytes, as before\nscsi3: 524288 bytes "
                 "now, 1048576 before; the guest was told\n"),
                (["scsi3"], "scsi3: 524288 bytes, as before\n")):
            result = cvmctl("rescan", "web", *words)
            self.assertEqual((result.returncode, result.stdout.decode(),
                              result.stderr), (0, said, b""))
        self.refused(cvmctl("rescan", "7", "cobd1"), 1, "7: it has no disk "
                     "cobd1")
        self.refused(cvmctl("rescan", "8"), 1, "8: no such VM")

    def test_nobody(self):
        self.refused(cvmctl("rescan", "web"), 1, "web: ")
        Claims.start(self, "--name", "web")
        self.refused(cvmctl("rescan", "web"), 1, "web: it has no disks")


class Formats(Case):
    """A disk that is not raw is not written over."""

    def setUp(self):
        super().setUp()
        self.head = b"QFI\xfb\0\0\0\3".ljust(1 << 20, b"\0")
        self.disk = self.file("disk.img", self.head)

    def test_refused(self):
        for key, kind in (("cobd1=", "cobd1"), ("scsi2=disk,", "scsi2"),
                          ("hda1=", "cobd0")):
            result = self.run_vm(key + self.disk)
            self.refused(result, 1, self.disk, "qcow2", "qemu-img convert "
                         "-f qcow2 -O raw %s NEW.img" % self.disk,
                         "set%s=format=raw" % kind)
        self.refused(self.run_vm("scsi0=disk,%s,64" % self.disk), 1)
        with open(self.disk, "rb") as handle:
            self.assertEqual(handle.read(), self.head)

    def test_insisted(self):
        result = self.run_vm("cobd0=" + self.disk, "setcobd0=format=raw")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_written_by_its_guest(self):
        self.disk = self.file("disk.img", bytes(1 << 20))
        result = self.run_vm("cobd0=" + self.disk)
        self.assertEqual(result.returncode, 0, result.stderr)
        try:
            os.getxattr(self.disk, "user.libcvm.raw")
        except OSError as err:
            self.assertEqual(err.errno, errno.EOPNOTSUPP)
            self.skipTest("no extended attributes here")
        with open(self.disk, "r+b") as handle:
            handle.write(self.head[:512])
        result = self.run_vm("cobd0=" + self.disk)
        self.assertEqual(result.returncode, 0, result.stderr)
        copy = self.disk + ".copy"
        shutil.copyfile(self.disk, copy)
        self.refused(self.run_vm("cobd0=" + copy), 1, "qcow2")


class Place(Case):
    """Where a VM's socket is: nobody else may have a hand in that."""
    USER = os.getuid() or 4242

    def setUp(self):
        super().setUp()
        os.chmod(self.tmp.name, 0o755)
        self.dir = os.path.join(self.tmp.name, "cvm")
        # What was built may be where root alone can look.
        self.cvmctl, self.fake = (
            shutil.copy(path, self.tmp.name)
            for path in (case.CVMCTL, case.FAKE))

    def asked(self, *args):
        """By an ordinary user."""
        env = environment(NAME="web")
        env["XDG_RUNTIME_DIR"] = self.tmp.name
        env["LD_PRELOAD"] = self.fake
        user = {} if os.getuid() else {
            "user": self.USER, "group": self.USER, "extra_groups": []}
        return subprocess.run([self.cvmctl, *args], input=b"poweroff\n",
                              capture_output=True, env=env, timeout=SECONDS,
                              **user)

    def all_refused(self, *words):
        for args in (("run", "--kernel", self.kernel), ("console", "web")):
            self.refused(self.asked(*args), 1, self.dir, *words)

    def make(self, owner, mode):
        os.mkdir(self.dir)
        os.chmod(self.dir, mode)
        if not os.getuid():
            os.chown(self.dir, owner, owner)

    def test_own(self):
        self.make(self.USER, 0o755)
        self.assertEqual(self.asked("run", "--kernel",
                                    self.kernel).returncode, 0)

    def test_writable(self):
        self.make(self.USER, 0o777)
        self.all_refused("others can write there", "chmod 700")

    def test_link(self):
        os.mkdir(os.path.join(self.tmp.name, "elsewhere"))
        os.symlink("elsewhere", self.dir)
        self.all_refused("not a directory")

    @unittest.skipIf(os.getuid(), "only root can be two users")
    def test_of_another(self):
        self.make(4343, 0o777)
        self.all_refused("belongs to user 4343", "user 4242")


class Programs(Case):
    """execN: what runs beside the VM."""

    def setUp(self):
        super().setUp()
        self.script = self.file("script", b"#!/bin/sh\n"
                                b"echo $$ $PPID \"$1\" >$0.ran\n"
                                b"sleep 1000 & echo $! >>$0.ran\n"
                                b"wait\n")
        os.chmod(self.script, 0o755)
        os.chmod(self.tmp.name, 0o777)

    def config(self, *more):
        return self.file("vm.conf", "\n".join((
            "kernel=" + self.kernel,
            'exec1=./script,"""a b"" c"', *more)).encode())

    def start(self, *more):
        vm = subprocess.Popen([case.CVMCTL, "run", "@" + self.config(*more)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment())
        self.addCleanup(self.reap, vm)
        Run.expect(self, vm, b"$ ")
        return vm

    def ran(self):
        """Its number, its supervisor's, its argument, its child's number."""
        words = []

        def written():
            if os.path.exists(self.script + ".ran"):
                with open(self.script + ".ran") as f:
                    words[:] = f.read().split()
            return len(words) == 5

        self.assertTrue(until(written), words)
        return (int(words[0]), int(words[1]), " ".join(words[2:4]),
                int(words[4]))

    def ours(self):
        """The processes that were started from this test's folder."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    if self.tmp.name.encode() in f.read():
                        yield int(pid)
            except OSError:
                pass

    def test_with_the_vm(self):
        vm = self.start()
        leader, supervisor, argument, child = self.ran()
        self.assertEqual(argument, "a b")
        self.assertEqual(os.getpgid(child), leader)
        self.assertNotEqual(os.getsid(leader), os.getsid(vm.pid))
        vm.stdin.write(b"poweroff\n")
        vm.stdin.flush()
        self.assertEqual(vm.wait(SECONDS), 0)
        self.assertFalse(lives(leader))
        # Killed, and about to end.
        self.gone(child, supervisor)

    def test_killed(self):
        vm = self.start()
        leader, supervisor, _, child = self.ran()
        vm.kill()
        vm.wait(SECONDS)
        self.gone(leader, child, supervisor)

    def test_ends_first(self):
        """Nobody is a zombie, and the VM runs on."""
        vm = self.start()
        leader, supervisor, _, child = self.ran()
        os.kill(child, signal.SIGKILL)
        self.assertTrue(until(lambda: not os.path.exists("/proc/%d" %
                                                         leader)))
        self.assertIsNone(vm.poll())
        vm.stdin.write(b"poweroff\n")
        vm.stdin.flush()
        self.assertEqual(vm.wait(SECONDS), 0)

    def test_files(self):
        """The limit of open files is theirs, not the VM's."""
        with few_files():
            vm = self.start()
        leader = self.ran()[0]
        self.assertEqual(files_limit(leader)[0], FEW)
        vm.stdin.write(b"poweroff\n")
        vm.stdin.flush()
        self.assertEqual(vm.wait(SECONDS), 0)

    def test_cannot_start(self):
        result = cvmctl("run", "@" + self.config("exec3=/no/such"))
        self.refused(result, 1, "exec3: /no/such: No such file")
        # What a program started is killed with it, and may be about to end.
        self.gone(*self.ours())

    @unittest.skipIf(os.getuid(), "only root can become somebody else")
    def test_invoker(self):
        os.environ["SUDO_UID"] = "4242"
        self.addCleanup(os.environ.pop, "SUDO_UID", None)
        vm = self.start()
        leader = self.ran()[0]
        with open("/proc/%d/status" % leader) as f:
            status = dict(line.split(":\t", 1) for line in f)
        self.assertEqual(status["Uid"].split(), 4 * ["4242"])
        self.assertEqual(status["Gid"].split(), 4 * ["4242"])
        self.assertEqual(status["SigBlk"].strip(), "0" * 16)
        vm.stdin.write(b"poweroff\n")
        vm.stdin.flush()
        self.assertEqual(vm.wait(SECONDS), 0)


if __name__ == "__main__":
    case.main()
