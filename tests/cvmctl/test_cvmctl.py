#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""cvmctl against a fake driver: what it prints, returns and leaves behind.

usage: test_cvmctl.py CVMCTL FAKE_DRIVER.so [unittest options]

The fake driver (fake_driver.c) is preloaded, so this needs no root.
"""
import fcntl
import gzip
import json
import lzma
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

CVMCTL = FAKE = RUN_DIR = None
PASSAGE_GVA = 0xffffffffff575000
KERNEL_MAP = 0xffffffff80000000
SECONDS = 20


def elf(abi=1, note=True, machine=62):
    """A file that looks like a libcvm guest's vmlinux."""
    pte = KERNEL_MAP + 0x1201000 + (PASSAGE_GVA >> 12 & 511) * 8
    desc = struct.pack("<IIQQII", abi, 32, PASSAGE_GVA, pte, 97, 0)
    notes = struct.pack("<III", 7, len(desc), 0x43564d) + b"libcvm\0\0" + desc

    def phdr(kind, off, paddr, filesz, memsz):
        return struct.pack("<IIQQQQQQ", kind, 7, off, KERNEL_MAP + paddr,
                           paddr, filesz, memsz, 4)

    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 2, machine, 1, 0x1000040, 64, 0, 0, 64, 56, 3, 0, 0,
        0)
    head += phdr(1, 0x1000, 0x1000000, 0x1000, 0x1000)
    head += phdr(1, 0x2000, 0x1200000, 0x2000, 0x5000)
    head += phdr(4, 0x4000, 0, len(notes), len(notes)) if note else bytes(56)
    return head.ljust(0x4000, b"\0") + notes


def bzimage(payload):
    """The boot sector and header around a payload."""
    head = bytearray(2 * 512 + 0x20)
    struct.pack_into("<B", head, 0x1f1, 1)
    struct.pack_into("<H", head, 0x1fe, 0xaa55)
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, 0x20f)
    struct.pack_into("<IBBH", head, 0x230, 0x200000, 1, 21, 0x21)
    struct.pack_into("<II", head, 0x248, 0x20, len(payload))
    return bytes(head) + payload


def size_word(data):
    return struct.pack("<I", len(data))


def lz4_length(n):
    """The bytes behind a length nibble of 15."""
    n -= 15
    return b"\xff" * (n // 255) + bytes([n % 255]) if n >= 0 else b""


def lz4(data, block=8 << 20):
    """LZ4 legacy frame; runs of one byte become matches, that is all."""
    out = b"\x02\x21\x4c\x18"
    for start in range(0, len(data), block):
        part, packed, at, literal = data[start:start + block], b"", 0, 0
        while at < len(part):
            run = 1
            while at + run < len(part) and part[at + run] == part[at]:
                run += 1
            if run >= 20:
                n, match = at + 1 - literal, run - 1 - 8 - 4
                packed += bytes([min(n, 15) << 4 | min(match, 15)]) + \
                    lz4_length(n) + part[literal:at + 1] + b"\1\0" + \
                    lz4_length(match)
                literal = at + run - 8
            at += run
        n = len(part) - literal
        packed += bytes([min(n, 15) << 4]) + lz4_length(n) + part[literal:]
        out += struct.pack("<I", len(packed)) + packed
    return out


def environment(**fake):
    env = dict(os.environ, LD_PRELOAD=FAKE, ASAN_OPTIONS="detect_leaks=0")
    env.update({"CVM_FAKE_" + k: str(v) for k, v in fake.items()})
    return env


def cvmctl(*args, stdin=b"", **fake):
    return subprocess.run([CVMCTL, *args], input=stdin, capture_output=True,
                          env=environment(**fake), timeout=SECONDS)


class Case(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.addCleanup(self.tmp.cleanup)
        self.kernel = self.file("vmlinux", elf())

    def file(self, name, data):
        path = os.path.join(self.tmp.name, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def refused(self, result, status, *words):
        """One line on stderr with these words, nothing on stdout."""
        err = result.stderr.decode()
        self.assertEqual(result.returncode, status, err)
        self.assertEqual(result.stdout, b"")
        self.assertTrue(err.startswith("cvmctl: "), err)
        self.assertEqual(err.count("\n"), 1, err)
        for word in words:
            self.assertIn(word, err)

    def run_vm(self, *args, stdin=b"poweroff\n", **fake):
        return cvmctl("run", "--kernel", self.kernel, *args, stdin=stdin,
                      **fake)


class Usage(Case):
    def test_help(self):
        for args in ([], ["run"], ["check"], ["list"], ["stats"], ["stop"],
                     ["kill"], ["version"], ["start"], ["console"]):
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
                (["frob"], "frob: no such command"),
                (["--frob"], "--frob: no such option"),
                (["help", "frob"], "frob: no such command"),
                (["run"], "--kernel: it is missing, or @CONFIG"),
                (["run", "quiet"], "--kernel: it is missing"),
                (["run", "--kernel"], "--kernel: FILE is missing"),
                (["run", "--frob"], "--frob: no such option"),
                (["run", "-k", "x"], "-k: no such option"),
                (["run", "--kernel", "x", "--mem", "12q"], "not a size"),
                (["run", "--kernel", "x", "--mem", "0"], "no size"),
                (["run", "--kernel", "x", "--mem", "99999999999999G"],
                 "not a size"),
                (["run", "--kernel", "x", "--name", "a/b"], "not a name"),
                (["run", "--kernel", "x", "--name", "n" * 32], "not a name"),
                (["run", "--kernel", "x", "--detach-key", "x"], "not a key"),
                (["run", "--kernel", "x", "--quiet=1"], "takes no value"),
                (["stop"], "which VM"), (["kill"], "which VM"),
                (["stats"], "which VM"), (["console"], "which VM"),
                (["list", "x"], "one word too many")):
            self.refused(cvmctl(*args), 2, word, "--help")

    def test_full_disk(self):
        with open("/dev/full", "wb") as full:
            for args in (["version"], ["list"], ["stats", "7"], ["check"]):
                result = subprocess.run(
                    [CVMCTL, *args], stdout=full, stderr=subprocess.PIPE,
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
        self.refused(cvmctl("list", NO_VERSION=1), 1, "no libcvm driver")
        self.refused(cvmctl("list", ABI=0), 1, "too old")
        self.refused(self.run_vm(ABI=9), 1, "too new", "user ABI 9")
        self.refused(self.run_vm(GUEST_ABI=2), 1, "vmlinux",
                     "built for guest ABI 1, the driver speaks 2")

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

    def test_version(self):
        told = json.loads(cvmctl("version", "--json").stdout)
        self.assertEqual(told["driver"]["host"], "linux")
        told = json.loads(cvmctl("version", "--json", ERRNO=2).stdout)
        self.assertIsNone(told["driver"])

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
        self.start(bzimage(lz4(kernel, 4096) + end), status=0)
        self.start(bzimage(b"BZh9" + bytes(100)), "bzip2",
                   "vmlinux file instead")
        self.start(bzimage(gzip.compress(b"hello" * 9)), "not a kernel")

    def test_pipes(self):
        """Files that are no files: process substitution in a shell."""
        script = ('exec "$1" run --kernel <(cat "$2") --initrd <(echo x) '
                  '<<< poweroff')
        result = subprocess.run(["bash", "-c", script, "-", CVMCTL,
                                 self.kernel], capture_output=True,
                                env=environment(), timeout=SECONDS)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_memory(self):
        self.refused(self.run_vm("--mem", "2048"), 1, "memory: the host has "
                     "no 2048 MiB to give")
        self.refused(self.run_vm("--mem", "999G", "--min-address", "4G"), 1,
                     "above --min-address")
        self.refused(self.run_vm("--mem", "2"), 1, "memory: 2 MiB are not "
                     "enough", "at least")
        initrd = self.file("initrd", bytes(20 << 20))
        self.refused(self.run_vm("--mem", "16", "--initrd", initrd), 1,
                     "the initrd 20 MiB")
        result = self.run_vm("--mem", "32", "--initrd", initrd,
                             "--min-address", "4G")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.refused(self.run_vm("--initrd", "/nope"), 1, "/nope: No such")
        self.refused(self.run_vm("--cmdline", "x" * 2048), 1,
                     "command line: 2048 characters")
        self.refused(self.run_vm(REFUSE=1), 1, "cvmctl check tells why")

    def test_refused_json(self):
        result = self.run_vm("--json", "--name", "a", "--mem", "2")
        self.assertEqual(result.returncode, 1)
        told = json.loads(result.stderr)
        self.assertEqual((told["status"], told["reason"], told["name"]),
                         (1, "refused", "a"))
        self.assertIn("not enough", told["text"])


class Run(Case):
    def test_endings(self):
        for word, status, reason, text in (
                (b"poweroff", 0, "poweroff", "powered off"),
                (b"panic", 3, "panic",
                 "guest panic: Attempted to kill init!"),
                (b"reboot", 4, "reboot", "asked for a reboot"),
                (b"fatal", 5, "fatal", "ended by the monitor: page fault at 0x10"),
                (b"refuse", 1, "refused", "CR4 has VMXE")):
            result = self.run_vm("--name", "vm", stdin=word + b"\n")
            err = result.stderr.decode()
            self.assertEqual(result.returncode, status)
            self.assertTrue(err.startswith("cvmctl: vm: "), err)
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
        before = self.cpu(vm)
        time.sleep(1)
        self.assertLessEqual(self.cpu(vm) - before, 1)
        vm.stdin.write(b"poweroff\n")
        vm.stdin.flush()
        self.assertEqual(vm.wait(SECONDS), 0)

    def test_confined(self):
        """Each thread has no rights, and a filter."""
        vm = self.spawn(stdin=subprocess.PIPE)
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

    def test_kill_while_output_stuck(self):
        vm = self.spawn(stdin=subprocess.PIPE, STUBBORN=1)
        vm.stdin.write(b"spam 1000\n")
        vm.stdin.flush()
        time.sleep(0.5)
        self.assertIsNone(vm.poll())
        vm.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        vm.send_signal(signal.SIGTERM)
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

    def test_wild_output(self):
        result = self.run_vm(stdin=b"wild\nwild\npoweroff\n")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stderr.count(b"is not its memory"), 1)

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

    def spawn(self, stdin, stdout=subprocess.PIPE, **fake):
        vm = subprocess.Popen(
            [CVMCTL, "run", "--kernel", self.kernel], stdin=stdin,
            stdout=stdout, stderr=subprocess.PIPE, env=environment(**fake))
        self.addCleanup(self.reap, vm)
        return vm

    @staticmethod
    def reap(vm):
        if vm.poll() is None:
            vm.kill()
        vm.wait()
        for stream in (vm.stdin, vm.stdout, vm.stderr):
            if stream and not stream.closed:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass

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
    def cpu(vm):
        with open("/proc/%d/stat" % vm.pid) as f:
            words = f.read().rsplit(")", 1)[1].split()
        return int(words[11]) + int(words[12])


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
        vm = subprocess.Popen([CVMCTL, "run", "@" + self.config(*more)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment())
        self.addCleanup(Run.reap, vm)
        Run.expect(self, vm, b"$ ")
        return vm

    def ran(self):
        """Its number, its minder's, its argument, its child's number."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                with open(self.script + ".ran") as f:
                    words = f.read().split()
                if len(words) == 5:
                    return (int(words[0]), int(words[1]),
                            " ".join(words[2:4]), int(words[4]))
            except FileNotFoundError:
                pass
            time.sleep(0.01)
        self.fail("it did not run")

    def gone(self, *pids):
        end = time.monotonic() + SECONDS
        while any(map(self.lives, pids)) and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual([pid for pid in pids if self.lives(pid)], [])

    @staticmethod
    def lives(pid):
        try:
            with open("/proc/%d/stat" % pid) as f:
                return f.read().rsplit(")", 1)[1].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def test_with_the_vm(self):
        vm = self.start()
        leader, minder, argument, child = self.ran()
        self.assertEqual(argument, "a b")
        self.assertEqual(os.getpgid(child), leader)
        self.assertNotEqual(os.getsid(leader), os.getsid(vm.pid))
        vm.stdin.write(b"poweroff\n")
        vm.stdin.flush()
        self.assertEqual(vm.wait(SECONDS), 0)
        self.assertFalse(self.lives(leader))
        # Killed, and about to end.
        self.gone(child, minder)

    def test_killed(self):
        vm = self.start()
        leader, minder, _, child = self.ran()
        vm.kill()
        vm.wait(SECONDS)
        self.gone(leader, child, minder)

    def test_ends_first(self):
        """Nobody is a zombie, and the VM runs on."""
        vm = self.start()
        leader, minder, _, child = self.ran()
        os.kill(child, signal.SIGKILL)
        end = time.monotonic() + SECONDS
        while os.path.exists("/proc/%d" % leader) and time.monotonic() < end:
            time.sleep(0.01)
        self.assertFalse(os.path.exists("/proc/%d" % leader))
        self.assertIsNone(vm.poll())
        vm.stdin.write(b"poweroff\n")
        vm.stdin.flush()
        self.assertEqual(vm.wait(SECONDS), 0)

    def test_cannot_start(self):
        result = cvmctl("run", "@" + self.config("exec3=/no/such"))
        self.refused(result, 1, "exec3: /no/such: No such file")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    self.assertNotIn(self.tmp.name.encode(), f.read())
            except OSError:
                pass

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


class Terminal(Case):
    """Everything on a real pseudo-terminal."""

    def setUp(self):
        super().setUp()
        self.name = "test-%d-%d" % (os.getpid(), time.monotonic_ns() % 10**6)
        self.fds = []
        self.socket = RUN_DIR + "/%s.sock" % self.name
        self.log = RUN_DIR + "/%s.log" % self.name

    def tearDown(self):
        for fd in self.fds:
            os.close(fd)
        # A VM that a failed test left behind; its name is in its argv.
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    if self.name.encode() in f.read().split(b"\0"):
                        os.kill(int(pid), signal.SIGKILL)
            except OSError:
                pass
        for path in self.socket, self.log:
            if os.path.exists(path):
                os.unlink(path)

    def start(self, *args, command=None, **fake):
        """A shell's view of it: own session, own terminal."""
        self.master, self.slave = pty.openpty()
        self.fds += [self.master, self.slave]
        self.before = termios.tcgetattr(self.slave)
        slave = self.slave

        def session():
            os.setsid()
            os.close(os.open(os.ttyname(slave), os.O_RDWR))

        argv = command or ["run", "--kernel", self.kernel, "--name",
                           self.name]
        front = subprocess.Popen(
            [CVMCTL, *argv, *args], stdin=slave, stdout=slave, stderr=slave,
            env=environment(**fake), preexec_fn=session)
        self.addCleanup(Run.reap, front)
        self.seen = b""
        return front

    def begin(self, *args, **fake):
        """A VM in the background."""
        result = cvmctl("start", "--kernel", self.kernel, "--name",
                        self.name, *args, **fake)
        self.assertEqual((result.returncode, result.stdout, result.stderr),
                         (0, b"", b""))

    def expect(self, what):
        end = time.monotonic() + SECONDS
        while what not in self.seen:
            ready = select.select([self.master], [], [],
                                  max(0, end - time.monotonic()))[0]
            self.assertTrue(ready, "%r, not %r" % (self.seen, what))
            self.seen += os.read(self.master, 4096)
        self.seen = self.seen.split(what, 1)[1]

    def type(self, data):
        os.write(self.master, data)

    def restored(self):
        after = termios.tcgetattr(self.slave)
        self.assertEqual(after, self.before)

    def nothing_left(self):
        self.assertFalse(os.path.exists(self.socket))
        self.assertFalse(os.path.exists(self.log))

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def vmm_pid(self, front):
        with open("/proc/%d/task/%d/children" % (front.pid, front.pid)) as f:
            return int(f.read().split()[0])

    def test_shell(self):
        front = self.start()
        self.expect(b"ctrl-] detaches")
        self.expect(b"$ ")
        self.assertTrue(self.is_raw())
        self.type(b"hel\x03hello\r")
        self.expect(b"^C")
        self.expect(b"you said: hello\r\n")
        self.type(b"poweroff\r")
        self.expect(b"powered off")
        self.assertEqual(front.wait(SECONDS), 0)
        self.restored()
        self.nothing_left()

    def test_endings(self):
        for word, status in ((b"panic", 3), (b"reboot", 4), (b"fatal", 5)):
            front = self.start("--quiet")
            self.expect(b"$ ")
            self.type(word + b"\r")
            self.assertEqual(front.wait(SECONDS), status)
            self.restored()

    def test_refused(self):
        front = self.start("--mem", "4G")
        self.expect(b"no 4096 MiB to give")
        self.assertEqual(front.wait(SECONDS), 1)
        self.restored()

    def test_detach_attach(self):
        front = self.start("--detach-key", "ctrl-t")
        self.expect(b"$ ")
        self.type(b"before\r")
        self.expect(b"you said: before")
        vmm = self.vmm_pid(front)
        self.type(b"half\x14")
        self.expect(b"detached")
        self.assertEqual(front.wait(SECONDS), 0)
        self.restored()
        os.kill(vmm, 0)
        self.assertEqual(os.readlink("/proc/%d/fd/1" % vmm), self.log)

        front = self.start(command=["console", self.name])
        self.expect(b"you said: before")
        self.expect(b"half")
        self.assertTrue(self.is_raw())
        self.type(b"way\r")
        self.expect(b"you said: halfway")
        other = cvmctl("console", self.name)
        self.assertEqual(other.returncode, 1)
        self.assertIn(b"another terminal is attached: process %d on "
                      b"/dev/pts/" % front.pid, other.stderr)
        self.type(b"reboot\r")
        self.assertEqual(front.wait(SECONDS), 4)
        self.restored()
        self.gone(vmm)

    def test_background(self):
        self.begin()
        again = cvmctl("start", "--kernel", self.kernel, "--name", self.name)
        self.refused(again, 1, "a VM of this name is running")
        self.assertEqual(os.stat(RUN_DIR).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(self.socket).st_mode & 0o777, 0o600)
        front = self.start(command=["console", self.name])
        self.expect(b"$ ")
        front.terminate()	# who attached only leaves
        self.expect(b"detached")
        self.assertEqual(front.wait(SECONDS), 0)
        self.restored()
        front = self.start(command=["console", self.name])
        self.expect(b"$ ")
        self.type(b"poweroff\r")
        self.expect(b"powered off")
        self.assertEqual(front.wait(SECONDS), 0)
        with open(self.log) as f:
            self.assertEqual(f.read(), "cvmctl: %s: powered off\n" %
                             self.name)
        self.assertFalse(os.path.exists(self.socket))

    def test_stats(self):
        """What devices did is asked of the VM's own process."""
        self.begin()
        told = json.loads(cvmctl("stats", "--json", "7",
                                 NAME=self.name).stdout)
        self.assertEqual(told["devices"]["rng"],
                         {"doorbells": 0, "interrupts": 0})
        out = cvmctl("stats", "7", NAME=self.name).stdout.decode()
        self.assertRegex(out, r"Devices\n  rng +doorbells +0\n +interrupts")
        told = json.loads(cvmctl("stats", "--json", "7").stdout)
        self.assertEqual(told["devices"], {})

    def test_ports(self):
        """Which ports there are, and which of them are consoles."""
        words = ("ttys3=console", "ttys4=pty", "ttys5=socket:%s/p.sock" %
                 self.tmp.name)
        result = cvmctl("start", "--kernel", self.kernel, "--name", self.name,
                        *words)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr.decode(), r"^cvmctl: %s: ttys4 is "
                         r"/dev/pts/\d+\n$" % self.name)
        for port, why in (("ttys4", "it is the pty /dev/pts/"),
                          ("ttys5", "it is the socket " + self.tmp.name),
                          ("ttys0", "it has no such port")):
            self.refused(cvmctl("console", self.name, port), 1,
                         "%s: %s: %s" % (self.name, port, why))
        front = self.start(command=["console", self.name, "ttys3"])
        self.expect(b"ctrl-] detaches")
        other = cvmctl("console", self.name, "ttys3")
        self.refused(other, 1, "another terminal is attached")
        self.type(b"typed ahead\x1d")
        self.expect(b"cvmctl console %s ttys3 comes back" %
                    self.name.encode())
        self.assertEqual(front.wait(SECONDS), 0)
        self.restored()
        result = cvmctl("start", "--kernel", self.kernel, "--name", "other",
                        "--quiet", *words)
        self.refused(result, 1, "ttys5", "already in use")
        told = json.loads(cvmctl("stats", "--json", "7",
                                 NAME=self.name).stdout)
        self.assertEqual(told["devices"]["ttys3"],
                         {"bytes_in": 0, "bytes_out": 0})

    def test_size(self):
        """The guest is told how large the terminal is, and when it changes.
        """
        self.begin()
        front = self.start(command=["console", self.name])
        self.expect(b"$ ")
        for rows, cols in (31, 117), (50, 80):
            fcntl.ioctl(self.slave, termios.TIOCSWINSZ,
                        struct.pack("HHHH", rows, cols, 0, 0))
            front.send_signal(signal.SIGWINCH)
            self.expect(b"window changed")

    def test_wait(self):
        """stop and kill wait for the process that holds the VM."""
        process = subprocess.Popen([CVMCTL, "stop", "--wait", "7"],
                                   stderr=subprocess.DEVNULL,
                                   env=environment(PID=os.getpid()))
        time.sleep(0.3)
        self.assertIsNone(process.poll())
        process.kill()
        process.wait()
        result = cvmctl("stop", "--timeout", "1", "7", PID=os.getpid())
        self.assertEqual((result.returncode, result.stderr.splitlines()[1:]),
                         (1, [b"cvmctl: 7: it runs on after 1 s"]))
        sleeper = subprocess.Popen(["sleep", "1"])
        self.addCleanup(sleeper.wait)
        result = cvmctl("kill", "--wait", "7", PID=sleeper.pid)
        self.assertEqual(result.returncode, 0, result.stderr)
        sleeper.wait()
        result = cvmctl("kill", "--wait", "7", PID=sleeper.pid)
        self.assertEqual(result.returncode, 0, "gone already")

    def test_start_refused(self):
        """One line, the status of what went wrong, nothing left behind."""
        for args, fake, word in (
                (("--mem", "4G"), {}, "4096 MiB"),
                (("--initrd", "/nope"), {}, "/nope: No such file"),
                ((), {"ERRNO": 2}, "driver is not loaded"),
                ((), {"REFUSE_RUN": 1}, "CR4 has VMXE")):
            result = cvmctl("start", "--kernel", self.kernel, "--name",
                            self.name, *args, **fake)
            self.refused(result, 1, word)
            self.nothing_left()

    def test_attach_nobody(self):
        self.refused(cvmctl("console", "nobody"), 1, "nobody: no such VM")
        self.refused(cvmctl("console", "../x"), 1, "../x: no such VM")
        self.refused(cvmctl("console", "web"), 1, "has no socket")
        self.refused(cvmctl("console", "x", ERRNO=2), 1, "not loaded")

    def test_attach_id(self):
        self.begin()
        front = self.start(command=["console", "7"], NAME=self.name)
        self.expect(b"$ ")
        self.type(b"poweroff\r")
        self.expect(b"powered off")
        self.assertEqual(front.wait(SECONDS), 0)

    def test_killed(self):
        """However the VM's process ends, its name does not stay."""
        front = self.start()
        self.expect(b"$ ")
        self.assertTrue(os.path.exists(self.socket))
        os.kill(self.vmm_pid(front), signal.SIGKILL)
        self.assertEqual(front.wait(SECONDS), 5)
        end = time.monotonic() + SECONDS
        while os.path.exists(self.socket) and time.monotonic() < end:
            time.sleep(0.01)
        self.nothing_left()

    def test_stale_socket(self):
        """One that nobody listens on is in nobody's way."""
        os.makedirs(RUN_DIR, mode=0o700, exist_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stale:
            stale.bind(self.socket)
        front = self.start()
        self.expect(b"$ ")
        self.type(b"poweroff\r")
        self.assertEqual(front.wait(SECONDS), 0)

    def test_signals(self):
        front = self.start(STUBBORN=1)
        self.expect(b"$ ")
        front.send_signal(signal.SIGTERM)
        self.expect(b"power button")
        self.assertTrue(self.is_raw())
        front.send_signal(signal.SIGHUP)
        self.assertEqual(front.wait(SECONDS), 5)
        self.restored()

    def test_vmm_dies(self):
        for how in ("kill", "crash", "segv"):
            front = self.start()
            self.expect(b"$ ")
            vmm = self.vmm_pid(front)
            if how == "crash":
                self.type(b"crash\r")
            else:
                os.kill(vmm, signal.SIGKILL if how == "kill" else
                        signal.SIGSEGV)
            self.expect(b"ended by signal")
            self.assertEqual(front.wait(SECONDS), 5)
            self.restored()

    def test_front_dies(self):
        for sig in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
            front = self.start()
            self.expect(b"$ ")
            vmm = self.vmm_pid(front)
            front.send_signal(sig)
            self.assertEqual(front.wait(SECONDS), -sig)
            self.gone(vmm)
            self.restored()

    def test_deaf_guest(self):
        """A guest that takes no input can be left and killed."""
        front = self.start(STUBBORN=1)
        self.expect(b"$ ")
        self.type(b"deaf\r")
        for _ in range(30):
            self.type(b"y" * 1000)
            time.sleep(0.01)
        front.terminate()
        time.sleep(0.2)
        front.terminate()
        self.assertEqual(front.wait(SECONDS), 5)
        self.restored()

    def test_stop_and_continue(self):
        front = self.start()
        self.expect(b"$ ")
        front.send_signal(signal.SIGTSTP)
        os.waitpid(front.pid, os.WUNTRACED)
        self.restored()
        front.send_signal(signal.SIGCONT)
        end = time.monotonic() + SECONDS
        while not self.is_raw() and time.monotonic() < end:
            time.sleep(0.01)
        self.type(b"poweroff\r")
        self.assertEqual(front.wait(SECONDS), 0)
        self.restored()

    def test_all_keys_without_detach(self):
        front = self.start("--detach-key", "none")
        self.expect(b"$ ")
        self.type(b"a\x1db\r")
        self.expect(b"you said: a\x1db")
        self.type(b"poweroff\r")
        self.assertEqual(front.wait(SECONDS), 0)

    def test_colours(self):
        front = self.start(command=["check"])
        self.expect(b"\033[33mnote")
        self.assertEqual(front.wait(SECONDS), 0)

    def gone(self, pid):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                with open("/proc/%d/stat" % pid) as f:
                    if f.read().rsplit(")", 1)[1].split()[0] == "Z":
                        return
            except FileNotFoundError:
                return
            time.sleep(0.01)
        self.fail("process %d lives on" % pid)


if __name__ == "__main__":
    CVMCTL, FAKE = (os.path.abspath(p) for p in sys.argv[1:3])
    del sys.argv[1:3]
    with tempfile.TemporaryDirectory() as runtime:
        os.environ["XDG_RUNTIME_DIR"] = runtime
        RUN_DIR = "/run/cvm" if not os.geteuid() else runtime + "/cvm"
        unittest.main()
