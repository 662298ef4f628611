# SPDX-License-Identifier: GPL-2.0-only
"""cvmctl preloaded with a fake driver (fake_driver_linux.c), so that its tests
need no root; and kernel files for it."""
import os
import pathlib
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

CVMCTL = FAKE = RUN_DIR = None
PASSAGE_GVA = 0xffffffffff575000
KERNEL_MAP = 0xffffffff80000000
SECONDS = 120		# longest wait: for machines with much else to do
GUEST_ABI = int(re.search(
    r"define CVM_GUEST_ABI\s+(\d+)u",
    (pathlib.Path(__file__).resolve().parents[2] /
     "include/cvm/abi.h").read_text(encoding="utf-8")).group(1))


def elf(abi=GUEST_ABI, note=True, machine=62):
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


def sanitized():
    """Is the tool built with -Db_sanitize=address?"""
    with open(CVMCTL, "rb") as f:
        return b"__asan_init" in f.read()


# A sanitized tool looks for leaks with calls that its own filter forbids, and
# ends by the signals that it is to end by.
ASAN = ("detect_leaks=0:verify_asan_link_order=0:handle_segv=0:"
        "halt_on_error=1:abort_on_error=1")


def environment(**fake):
    env = dict(os.environ, LD_PRELOAD=FAKE, ASAN_OPTIONS=ASAN)
    env.update({"CVM_FAKE_" + k: str(v) for k, v in fake.items()})
    return env


def cvmctl(*args, stdin=b"", preexec_fn=None, **fake):
    return subprocess.run([CVMCTL, *args], input=stdin, capture_output=True,
                          env=environment(**fake), timeout=SECONDS,
                          preexec_fn=preexec_fn)


def lives(pid):
    """Does it?  One that has ended and that nobody waits for does not."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(holds):
    """Wait for a condition; does it hold in the end?"""
    end = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def gone(*pids):
    """Wait for their ends; who lives on."""
    until(lambda: not any(map(lives, pids)))
    return [pid for pid in pids if lives(pid)]


def signal_taken(process, number):
    """Wait until a process has seen a signal: of two that wait, one is lost.
    """
    def taken():
        with open("/proc/%d/status" % process.pid) as f:
            status = dict(line.split(":", 1) for line in f)
        return not any(int(status[name], 16) >> (number - 1) & 1
                       for name in ("SigPnd", "ShdPnd"))

    return until(taken)


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

    def gone(self, *pids):
        self.assertEqual(gone(*pids), [])

    def asked_twice(self, process):
        """To stop, and then to stop at once."""
        process.terminate()
        self.assertTrue(signal_taken(process, signal.SIGTERM))
        process.terminate()


def main():
    """Run the tests of the program, whose arguments are the tool and the
    fake driver, and then unittest's."""
    global CVMCTL, FAKE, RUN_DIR
    CVMCTL, FAKE = (os.path.abspath(p) for p in sys.argv[1:3])
    del sys.argv[1:3]
    with tempfile.TemporaryDirectory() as runtime:
        os.environ["XDG_RUNTIME_DIR"] = runtime
        RUN_DIR = "/run/cvm" if not os.geteuid() else runtime + "/cvm"
        unittest.main()
