#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a VM makes on the host and has from it: whose that is, and what is
left of it.

usage: test_leftovers.py CVMCTL FAKE_DRIVER.so [unittest options]
"""
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import unittest

import case
from case import SECONDS, Case, environment, until

USER = 4242


class Made(Case):
    def start(self, *words, verb="run", **given):
        vm = subprocess.Popen(
            [case.CVMCTL, verb, "--kernel", self.kernel, *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment(), **given)
        self.addCleanup(self.reap, vm)
        seen = b""
        while b"$ " not in seen:
            data = os.read(vm.stdout.fileno(), 4096)
            self.assertTrue(data, seen)
            seen += data
        return vm

    def end(self, vm):
        _, err = vm.communicate(b"poweroff\n", timeout=SECONDS)
        self.assertEqual(vm.returncode, 0, err)
        return err.decode()

    def place(self, name):
        """A directory of the test's."""
        path = os.path.join(self.tmp.name, name)
        os.mkdir(path)
        os.chmod(self.tmp.name, 0o755)
        return path


class Removed(Made):
    """By directory and file: never what has the path or the name now."""

    def port(self, path):
        return "ttys1=socket:" + path

    def test_in_order(self):
        where = self.place("a")
        vm = self.start(self.port(where + "/port"))
        self.assertEqual(os.listdir(where), ["port"])
        self.end(vm)
        self.assertEqual(os.listdir(where), [])

    def test_link_elsewhere(self):
        """A link of the path leads to another directory by then."""
        first, second = self.place("a"), self.place("b")
        link = os.path.join(self.tmp.name, "link")
        os.symlink(first, link)
        vm = self.start(self.port(link + "/port"))
        os.unlink(link)
        os.symlink(second, link)
        self.file("b/port", b"somebody's")
        self.end(vm)
        self.assertEqual(os.listdir(second), ["port"])
        self.assertEqual(os.listdir(first), [])

    def test_name_of_another(self):
        """Its process is killed, and somebody listens there before it is
        cleared away."""
        where = self.place("a")
        vm = self.start(self.port(where + "/port"))
        os.unlink(where + "/port")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(where + "/port")
            self.end(vm)
            self.assertEqual(os.listdir(where), ["port"])

    def test_own_socket(self):
        """The same of the socket by which others find the VM, and of its
        log."""
        name = "left-%d" % os.getpid()
        paths = ["%s/%s.%s" % (case.RUN_DIR, name, kind)
                 for kind in ("sock", "log")]
        vm = self.start("--name", name)
        for path in paths:
            os.rename(path, path + ".old")
            open(path, "w").close()
            self.addCleanup(os.unlink, path)
            self.addCleanup(os.unlink, path + ".old")
        self.end(vm)
        for path in paths:
            self.assertTrue(os.path.exists(path))

    def test_killed_and_again(self):
        """Who takes a name over is not cleared away by the one before."""
        name = "left-%d" % os.getpid()
        where = self.place("a")
        words = ("--name", name, self.port(where + "/port"))
        for _ in range(5):
            self.reap(self.start(*words))
        vm = self.start(*words)
        # All supervisors of those before have done their work.
        self.assertTrue(until(lambda: len(self.supervisors()) == 1))
        left = os.listdir(case.RUN_DIR)
        self.assertEqual(os.listdir(where), ["port"])
        self.assertIn(name + ".sock", left)
        self.assertIn(name + ".log", left)
        self.end(vm)
        self.assertEqual(os.listdir(where), [])
        self.assertFalse([one for one in os.listdir(case.RUN_DIR)
                          if one.startswith(name)])

    def supervisors(self):
        """Of this test's VMs."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid) as f:
                    words = f.read().split("\0")
                with open("/proc/%s/comm" % pid) as f:
                    comm = f.read().strip()
            except OSError:
                continue
            if self.kernel in words and comm == "cvm-supervisor":
                found.append(int(pid))
        return found


@unittest.skipIf(os.getuid(), "only root can give files away")
class Owned(Made):
    """Through sudo: what is made belongs to who asked for it."""

    def setUp(self):
        super().setUp()
        os.environ["SUDO_UID"] = str(USER)
        self.addCleanup(os.environ.pop, "SUDO_UID", None)

    def test_ports(self):
        where = self.place("a")
        vm = self.start("ttys1=socket:%s/port" % where,
                        "ttys2=file:%s/log" % where, "ttys3=pty")
        os.chmod(self.tmp.name, 0o711)
        pty = re.search(rb"ttys3 is (\S+)", os.read(vm.stderr.fileno(), 4096))
        for path in where + "/port", where + "/log", pty[1].decode():
            self.assertEqual(os.stat(path).st_uid, USER, path)
        for path in where + "/port", where + "/log":
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            self.assertEqual(os.stat(path).st_gid, USER, path)
        # And they can be used.
        self.assertEqual(self.by_user(where, pty[1].decode()), 0)
        self.end(vm)

    @staticmethod
    def by_user(where, pty):
        """Use them as their owner, in another process: its status."""
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        try:
            os.setgroups([])
            os.setgid(USER)
            os.setuid(USER)
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(where + "/port")
            os.open(where + "/log", os.O_RDONLY)
            os.open(pty, os.O_RDWR | os.O_NOCTTY)
            os._exit(0)
        except OSError as err:
            print(err, file=sys.stderr)
        finally:
            os._exit(1)

    def test_files_that_were_there(self):
        path = self.file("log", b"mine\n")
        self.end(self.start("ttys2=file:" + path))
        self.assertEqual(os.stat(path).st_uid, 0)


class Inherited(Made):
    def test_closed(self):
        """What whoever started it had open, no running VM has."""
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        kernel = os.open(self.kernel, os.O_RDONLY)
        self.addCleanup(os.close, kernel)
        # (A path of one of them is of use until then.)
        vm = self.start("--initrd", "/dev/fd/%d" % kernel,
                        pass_fds=(write, kernel))
        os.close(write)
        os.set_blocking(read, False)
        self.assertEqual(os.read(read, 1), b"")
        self.end(vm)


class Logs(Case):
    """Of VMs that nobody named; others may make and remove some, too."""

    def background(self):
        """A VM in the background: its name, its socket and its process."""
        client = subprocess.Popen(
            [case.CVMCTL, "start", "--kernel", self.kernel],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=environment())
        self.assertEqual(client.communicate(timeout=SECONDS)[1], b"")
        self.assertEqual(client.returncode, 0)
        name = "vm-%d" % client.pid
        self.addCleanup(self.forget, name)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.connect(self.path(name, "sock"))
            return name, struct.unpack("iii", s.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

    @staticmethod
    def path(name, kind):
        return "%s/%s.%s" % (case.RUN_DIR, name, kind)

    def forget(self, name):
        for kind in "sock", "log":
            try:
                os.unlink(self.path(name, kind))
            except FileNotFoundError:
                pass

    def end(self, name, pid, number):
        os.kill(pid, number)
        self.gone(pid)
        self.assertTrue(until(
            lambda: not os.path.exists(self.path(name, "sock"))))

    def test_ended_well(self):
        name, pid = self.background()
        self.end(name, pid, signal.SIGTERM)
        self.assertFalse(os.path.exists(self.path(name, "log")))

    def test_few_stay(self):
        names = []
        for _ in range(11):
            name, pid = self.background()
            names.append(name)
            self.end(name, pid, signal.SIGKILL)
            with open(self.path(name, "log"), "w") as f:
                f.write("why\n")
        left = [os.path.exists(self.path(name, "log")) for name in names]
        # That of the last one was not among them yet.
        self.assertTrue(left[-1])
        self.assertLessEqual(sum(left), 8 + 1, left)

    def test_killed_with_its_supervisor(self):
        """Nobody was there to clear away: the next VM does."""
        name = "vm-999999999"
        os.makedirs(case.RUN_DIR, 0o700, exist_ok=True)
        self.addCleanup(self.forget, name)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.bind(self.path(name, "sock"))
        self.end(*self.background(), signal.SIGTERM)
        self.assertFalse(os.path.exists(self.path(name, "sock")))


if __name__ == "__main__":
    case.main()
