#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""cvmctl on a terminal and in the background, against a fake driver.

usage: test_terminal.py CVMCTL FAKE_DRIVER.so [unittest options]
"""
import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import time

import case
from case import SECONDS, Case, cvmctl, environment, until


class Terminal(Case):
    """Everything on a real pseudo-terminal."""

    def setUp(self):
        super().setUp()
        self.name = "test-%d-%d" % (os.getpid(), time.monotonic_ns() % 10**6)
        self.fds = []
        self.socket = case.RUN_DIR + "/%s.sock" % self.name
        self.log = case.RUN_DIR + "/%s.log" % self.name

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
        if command and command[0] == "console":
            fake.setdefault("NAME", self.name)
        self.master, self.slave = pty.openpty()
        self.fds += [self.master, self.slave]
        self.before = termios.tcgetattr(self.slave)
        slave = self.slave

        def session():
            os.setsid()
            os.close(os.open(os.ttyname(slave), os.O_RDWR))

        argv = command or ["run", "--kernel", self.kernel, "--name",
                           self.name]
        client = subprocess.Popen(
            [case.CVMCTL, *argv, *args], stdin=slave, stdout=slave, stderr=slave,
            env=environment(**fake), preexec_fn=session)
        self.addCleanup(self.reap, client)
        self.seen = b""
        return client

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

    def vmm_pid(self, client):
        with open("/proc/%d/task/%d/children" % (client.pid, client.pid)) as f:
            return int(f.read().split()[0])

    def test_shell(self):
        client = self.start()
        self.expect(b"ctrl-] detaches")
        self.expect(b"$ ")
        self.assertTrue(self.is_raw())
        self.type(b"hel\x03hello\r")
        self.expect(b"^C")
        self.expect(b"you said: hello\r\n")
        self.type(b"poweroff\r")
        self.expect(b"powered off")
        self.assertEqual(client.wait(SECONDS), 0)
        self.restored()
        self.nothing_left()

    def test_endings(self):
        for word, status in ((b"panic", 3), (b"reboot", 4), (b"fatal", 5)):
            client = self.start("--quiet")
            self.expect(b"$ ")
            self.type(word + b"\r")
            self.assertEqual(client.wait(SECONDS), status)
            self.restored()

    def test_refused(self):
        client = self.start("--mem", "4G")
        self.expect(b"cannot give 4096 MiB")
        self.assertEqual(client.wait(SECONDS), 1)
        self.restored()

    def test_detach_attach(self):
        client = self.start("--detach-key", "ctrl-t")
        self.expect(b"$ ")
        self.type(b"before\r")
        self.expect(b"you said: before")
        vmm = self.vmm_pid(client)
        self.type(b"half\x14")
        self.expect(b"detached")
        self.assertEqual(client.wait(SECONDS), 0)
        self.restored()
        os.kill(vmm, 0)

        client = self.start(command=["console", self.name])
        self.expect(b"you said: before")
        self.expect(b"half")
        self.assertTrue(self.is_raw())
        self.type(b"way\r")
        self.expect(b"you said: halfway")
        other = cvmctl("console", self.name, NAME=self.name)
        self.assertEqual(other.returncode, 1)
        self.assertIn(b"another terminal is attached: process %d on "
                      b"/dev/pts/" % client.pid, other.stderr)
        self.type(b"reboot\r")
        self.assertEqual(client.wait(SECONDS), 4)
        self.restored()
        self.gone(vmm)
        with open(self.log) as f:
            self.assertIn("asked for a reboot", f.read())

    def test_background(self):
        self.begin()
        again = cvmctl("start", "--kernel", self.kernel, "--name", self.name)
        self.refused(again, 1, "a VM of this name is running")
        self.assertEqual(os.stat(case.RUN_DIR).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(self.socket).st_mode & 0o777, 0o600)
        client = self.start(command=["console", self.name])
        self.expect(b"$ ")
        client.terminate()	# who attached only leaves
        self.expect(b"detached")
        self.assertEqual(client.wait(SECONDS), 0)
        self.restored()
        client = self.start(command=["console", self.name])
        self.expect(b"$ ")
        self.type(b"poweroff\r")
        self.expect(b"powered off")
        self.assertEqual(client.wait(SECONDS), 0)
        # It stays when another VM of the name is not to be.
        self.refused(cvmctl("start", "--kernel", self.kernel, "--name",
                            self.name, "cobd0=/nonexistent"), 1,
                     "/nonexistent: No such file")
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

    def test_stats_words(self):
        """What serves a disk is no secret."""
        disk = self.file("disk.img", bytes(1 << 20))
        self.file("disk.img2", bytes(1 << 20))
        self.begin("cobd0=" + disk, "cobd1=%s2" % disk, "setcobd1=sync,cached")
        devices = json.loads(cvmctl("stats", "--json", "7",
                                    NAME=self.name).stdout)["devices"]
        self.assertIn(devices["cobd0"]["engine"], ("io_uring", "threads"))
        self.assertIn(devices["cobd0"]["cache"], ("bypassed", "host"))
        self.assertEqual(devices["cobd1"]["engine"], "threads")
        self.assertEqual(devices["cobd1"]["cache"], "host")
        self.assertEqual(devices["cobd1"]["reads"], 0)
        out = cvmctl("stats", "7", NAME=self.name).stdout.decode()
        self.assertRegex(out, r"\n  cobd1 +engine +threads\n +cache +host\n"
                         r" +reads +0\n")

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
                          ("ttys0", "no such port")):
            self.refused(cvmctl("console", self.name, port,
                                NAME=self.name), 1,
                         "%s: %s: %s" % (self.name, port, why))
        client = self.start(command=["console", self.name, "ttys3"])
        self.expect(b"ctrl-] detaches")
        other = cvmctl("console", self.name, "ttys3", NAME=self.name)
        self.refused(other, 1, "another terminal is attached")
        self.type(b"typed ahead\x1d")
        self.expect(b"cvmctl console %s ttys3 comes back" %
                    self.name.encode())
        self.assertEqual(client.wait(SECONDS), 0)
        self.restored()
        result = cvmctl("start", "--kernel", self.kernel, "--name",
                        self.name + "-b", "--quiet", *words)
        self.refused(result, 1, "ttys5", "already in use")
        told = json.loads(cvmctl("stats", "--json", "7",
                                 NAME=self.name).stdout)
        self.assertEqual(told["devices"]["ttys3"],
                         {"bytes_in": 0, "bytes_out": 0})

    def test_deep(self):
        """What a VM made is gone with it, however long the whole path is."""
        deep = os.path.join(self.tmp.name, *3 * ["d" * 100])
        os.makedirs(deep)
        result = subprocess.run(
            [case.CVMCTL, "run", "--kernel", self.kernel, "--name", self.name,
             "ttys0=socket:p.sock"], input=b"poweroff\n", cwd=deep,
            capture_output=True, env=environment(), timeout=SECONDS)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(os.listdir(deep), [])

    def test_size(self):
        """The guest is told how large the terminal is, and when it changes.
        """
        self.begin()
        client = self.start(command=["console", self.name])
        self.expect(b"$ ")
        for rows, cols in (31, 117), (50, 80):
            fcntl.ioctl(self.slave, termios.TIOCSWINSZ,
                        struct.pack("HHHH", rows, cols, 0, 0))
            client.send_signal(signal.SIGWINCH)
            self.expect(b"window changed")

    def test_wait(self):
        """stop and kill wait for the process that holds the VM."""
        process = subprocess.Popen([case.CVMCTL, "stop", "--wait", "7"],
                                   stderr=subprocess.PIPE,
                                   env=environment(PID=os.getpid()))
        self.addCleanup(self.reap, process)
        self.assertEqual(process.stderr.readline(), b"fake: STOP 7\n")
        time.sleep(0.3)
        self.assertIsNone(process.poll())
        result = cvmctl("stop", "--timeout", "1", "7", PID=os.getpid())
        self.assertEqual((result.returncode, result.stderr.splitlines()[1:]),
                         (1, [b"cvmctl: 7: still running after 1 s"]))
        sleeper = subprocess.Popen(["sleep", "1"])
        self.addCleanup(sleeper.wait)
        result = cvmctl("kill", "--wait", "7", PID=sleeper.pid)
        self.assertEqual(result.returncode, 0, result.stderr)
        sleeper.wait()
        result = cvmctl("kill", "--wait", "7", PID=sleeper.pid)
        self.assertEqual(result.returncode, 0, "gone already")

    def test_stop_grace(self):
        """stop gives a guest its time too; a second one changes nothing."""
        self.begin("--grace", "1", STUBBORN=1)
        pid = self.listener()
        for _ in range(2):
            result = cvmctl("stop", self.name, NAME=self.name)
            self.assertEqual((result.returncode, result.stderr),
                             (0, b"fake: STOP 7\n"))
        self.gone(pid)
        with open(self.log) as f:
            self.assertEqual(f.read(), "cvmctl: %s: killed: it did not power "
                             "off within 1 s\n" % self.name)

    def listener(self):
        """The process that listens at the VM's socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.connect(self.socket)
            return struct.unpack("iii", s.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

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
        self.refused(cvmctl("console", "web"), 1, "cannot reach its process")
        self.refused(cvmctl("console", "x", ERRNO=2), 1, "not loaded")

    def test_attach_id(self):
        self.begin()
        client = self.start(command=["console", "7"], NAME=self.name)
        self.expect(b"$ ")
        self.type(b"poweroff\r")
        self.expect(b"powered off")
        self.assertEqual(client.wait(SECONDS), 0)

    def test_one_name_twice(self):
        """Who has another VM's name, in another place, is not that VM."""
        self.begin()
        result = cvmctl("kill", "12", VMS=2, NAME2=self.name)
        self.assertEqual((result.returncode, result.stderr),
                         (0, b"fake: KILL 12\n"))
        self.refused(cvmctl("console", "id:12", VMS=2, NAME2=self.name), 1,
                     "that of VM 7, not of VM 12")
        client = self.start(command=["console", "7"])
        self.expect(b"$ ")
        self.type(b"poweroff\r")
        self.expect(b"powered off")
        self.assertEqual(client.wait(SECONDS), 0)

    def test_killed(self):
        """However the VM's process ends, its name does not stay."""
        client = self.start()
        self.expect(b"$ ")
        self.assertTrue(os.path.exists(self.socket))
        os.kill(self.vmm_pid(client), signal.SIGKILL)
        self.assertEqual(client.wait(SECONDS), 5)
        until(lambda: not os.path.exists(self.socket))
        self.nothing_left()

    def test_stale_socket(self):
        """One that nobody listens on is in nobody's way."""
        os.makedirs(case.RUN_DIR, mode=0o700, exist_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stale:
            stale.bind(self.socket)
        client = self.start()
        self.expect(b"$ ")
        self.type(b"poweroff\r")
        self.assertEqual(client.wait(SECONDS), 0)

    def test_one_name_at_once(self):
        """A socket that is about to be listened at is nobody's to remove."""
        gate = os.path.join(self.tmp.name, "gate")
        os.mkfifo(gate)
        first = self.start(GATE=gate)
        end = time.monotonic() + SECONDS
        while not os.path.exists(self.socket) and time.monotonic() < end:
            time.sleep(0.01)
        argv = [case.CVMCTL, "run", "--kernel", self.kernel, "--name",
                self.name]
        second = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, env=environment())
        self.addCleanup(self.reap, second)
        # If it does not wait now, it is given the time to do harm.
        time.sleep(0.3)
        os.close(os.open(gate, os.O_WRONLY))
        err = second.communicate(timeout=SECONDS)[1]
        self.assertIn(b"a VM of this name is running", err)
        self.assertEqual(second.returncode, 1)
        self.expect(b"$ ")
        self.assertTrue(os.path.exists(self.socket))
        self.type(b"poweroff\r")
        self.assertEqual(first.wait(SECONDS), 0)

    def test_signals(self):
        client = self.start(STUBBORN=1)
        self.expect(b"$ ")
        client.send_signal(signal.SIGTERM)
        self.expect(b"power button")
        self.assertTrue(self.is_raw())
        client.send_signal(signal.SIGHUP)
        self.assertEqual(client.wait(SECONDS), 5)
        self.restored()

    def test_vmm_dies(self):
        for how in ("kill", "crash", "segv"):
            client = self.start()
            self.expect(b"$ ")
            vmm = self.vmm_pid(client)
            if how == "crash":
                self.type(b"crash\r")
            else:
                os.kill(vmm, signal.SIGKILL if how == "kill" else
                        signal.SIGSEGV)
            self.expect(b"ended by signal")
            self.assertEqual(client.wait(SECONDS), 5)
            self.restored()

    def test_client_dies(self):
        for sig in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
            client = self.start()
            self.expect(b"$ ")
            vmm = self.vmm_pid(client)
            client.send_signal(sig)
            self.assertEqual(client.wait(SECONDS), -sig)
            self.gone(vmm)
            self.restored()

    def test_deaf_guest(self):
        """A guest that takes no input can be left and killed."""
        client = self.start(STUBBORN=1)
        self.expect(b"$ ")
        self.type(b"deaf\r")
        for _ in range(30):
            self.type(b"y" * 1000)
            time.sleep(0.01)
        self.asked_twice(client)
        self.assertEqual(client.wait(SECONDS), 5)
        self.restored()

    def test_stop_and_continue(self):
        client = self.start()
        self.expect(b"$ ")
        client.send_signal(signal.SIGTSTP)
        os.waitpid(client.pid, os.WUNTRACED)
        self.restored()
        client.send_signal(signal.SIGCONT)
        self.assertTrue(until(self.is_raw))
        self.type(b"poweroff\r")
        self.assertEqual(client.wait(SECONDS), 0)
        self.restored()

    def test_all_keys_without_detach(self):
        client = self.start("--detach-key", "none")
        self.expect(b"$ ")
        self.type(b"a\x1db\r")
        self.expect(b"you said: a\x1db")
        self.type(b"poweroff\r")
        self.assertEqual(client.wait(SECONDS), 0)

    def test_colours(self):
        client = self.start(command=["check"])
        self.expect(b"\033[33mnote")
        self.assertEqual(client.wait(SECONDS), 0)


if __name__ == "__main__":
    case.main()
