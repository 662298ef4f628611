#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""cvmctl against a fake driver: what it is told, and what it says.

usage: test_cvmctl.py CVMCTL FAKE_DRIVER.so [unittest options]
"""
import gzip
import json
import lzma
import os
import resource
import signal
import struct
import subprocess
import tempfile

import case
from case import (GUEST_ABI, SECONDS, Case, bzimage, cvmctl, elf, environment,
                  lz4, size_word, until)


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
                     "zstd": "libzstd", "lzma": "liblzma",
                     "ext2fs": "libext2fs", "zydis": "libZydis"}
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
        self.start(elf(note=False), "not built for libcvm",
                   "stripped of its sections")
        for off, value in ((4, 1), (5, 2)):	# of 32 bits, big-endian
            self.start(elf()[:off] + bytes([value]) + elf()[off + 1:],
                       "not of the 64-bit little endian class")
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

    def test_modules(self):
        """Files that are none, by name."""
        def modules(*words):
            return cvmctl("kernel", "modules", *words)
        self.refused(modules(), 2, "modules: no FILE given")
        self.refused(modules("/nonexistent.ko"), 1, "/nonexistent.ko")
        self.refused(modules(self.kernel), 1, "it is no kernel module")

    def test_adapt(self):
        """What a start would load, in a new file or in none."""
        new = os.path.join(self.tmp.name, "new")

        def adapt(*words):
            return cvmctl("kernel", "adapt", *words)

        packed = self.file("bz", bzimage(gzip.compress(elf()) +
                                         size_word(elf())))
        for path in self.kernel, packed:
            result = adapt(path, new)
            self.assertEqual((result.returncode, result.stdout,
                              result.stderr), (0, b"", b""))
            with open(new, "rb") as handle:
                self.assertEqual(handle.read(), elf())
            self.refused(adapt(path, new), 1, new + ": File exists")
            os.unlink(new)
        self.refused(adapt(self.file("no", b"x"), new), 1, "not a kernel")
        self.assertFalse(os.path.exists(new))
        result = cvmctl("kernel", "adapt", self.kernel, new,
                        preexec_fn=lambda: (
                            signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
                            resource.setrlimit(resource.RLIMIT_FSIZE,
                                               (4096, 4096))))
        self.refused(result, 1, new + ": File too large")
        self.assertFalse(os.path.exists(new))
        for words, said in (((), "adapt: no FILE given"),
                            ((self.kernel,), "no file to write given"),
                            ((self.kernel, new, "--json"), "--json is not "
                             "for adapt")):
            self.refused(adapt(*words), 2, said)

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


if __name__ == "__main__":
    case.main()
