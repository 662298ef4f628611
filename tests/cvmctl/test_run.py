#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A VM of the fake driver: how it runs and ends, its directory in /run, the
programs beside it.

usage: test_run.py CVMCTL FAKE_DRIVER.so [unittest options]
"""
import array
import contextlib
import fcntl
import glob
import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import termios
import time
import unittest

import case
from case import SECONDS, Case, cvmctl, environment, lives, until


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
        self.expect(vm, b"$ ")
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
