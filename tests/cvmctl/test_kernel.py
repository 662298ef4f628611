#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""cvmctl and a kernel that was not built for libcvm: what is told of it, and
how its platform object is found.

usage: test_kernel.py CVMCTL FAKE_DRIVER.so WRITE_KERNEL [unittest options]
"""
import json
import os
import subprocess
import sys

WRITE_KERNEL = sys.argv.pop(3)

import case     # noqa: E402  (takes the rest of the command line)
from case import Case, cvmctl  # noqa: E402


class Kernel(Case):
    def setUp(self):
        super().setUp()
        self.kernel = os.path.join(self.tmp.name, "vmlinux")
        self.object = os.path.join(self.tmp.name, "6.12.o")
        subprocess.run([WRITE_KERNEL, self.kernel, self.object], check=True)
        os.environ["XDG_CACHE_HOME"] = self.tmp.name
        os.environ["CVM_PLATFORM_DIR"] = os.path.join(self.tmp.name, "none")
        with open(self.kernel, "rb") as f:
            self.bytes = f.read()

    def tearDown(self):
        with open(self.kernel, "rb") as f:
            self.assertEqual(f.read(), self.bytes)

    def told(self, *words):
        done = cvmctl("kernel", "check", "--json", self.kernel, *words)
        return done.returncode, json.loads(done.stdout)

    def test_no_object(self):
        """What can be said of it is, and how to go on."""
        status, told = self.told()
        self.assertEqual(status, 1)
        self.assertFalse(told["can_be_guest"])
        self.assertIn("no platform object for it in %s/none" % self.tmp.name,
                      told["reason"])
        self.assertEqual(told["release"], "6.12.0-made")
        self.assertIn("build_id", told)
        self.assertTrue(told["sites"])
        self.assertEqual(told["hooks"], [])

    def test_given(self):
        status, told = self.told("--platform", self.object)
        self.assertEqual(status, 0, told)
        self.assertTrue(told["adapted"])
        self.assertTrue(told["hooks"])
        self.assertEqual({place["name"] for place in told["places"]},
                         {"text", "data", "per-CPU", "entry"})
        # The tracer's call is where the hook is.
        self.assertEqual([(row["what"], row["function"], row["refused"])
                          for row in told["overlaps"]],
                         [("call of __fentry__", "traced", False)])

    def test_found(self):
        """By its series, in the directory for that."""
        os.environ["CVM_PLATFORM_DIR"] = self.tmp.name
        status, told = self.told()
        self.assertEqual(status, 0, told)
        self.assertIn(self.object, told["object"])

    def test_table(self):
        done = cvmctl("kernel", "check", "--platform", self.object,
                      self.kernel)
        self.assertEqual(done.returncode, 0, done.stderr)
        out = done.stdout.decode()
        for word in ("6.12.0-made", self.object, "KIND", "INSTRUCTION",
                     "PLACE", "gap behind .rodata", "can be a guest"):
            self.assertIn(word, out)
        for line in out.splitlines():
            self.assertEqual(line, line.rstrip())

    def test_not_an_object(self):
        done = cvmctl("kernel", "check", "--platform", self.kernel,
                      self.kernel)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cannot be adapted: not a platform object",
                      done.stderr)

    def test_run(self):
        """The same words before anything was asked of the driver."""
        self.refused(self.run_vm(), 1, "not built for libcvm, and cannot be "
                     "adapted", "guest-patch/object/build")
        self.refused(self.run_vm("--platform", self.tmp.name + "/x.o"), 1,
                     "No such file")

    def test_encryption(self):
        self.refused(self.run_vm("--platform", self.object, "--cmdline",
                                 "quiet mem_encrypt=on"), 1,
                     "command line: mem_encrypt=on: ")
        self.assertEqual(self.run_vm("--platform", self.object, "--cmdline",
                                     "quiet mem_encrypt=only").returncode, 0)

    def test_adapted(self):
        """It runs, and the second time nothing is looked for."""
        for _ in range(2):
            done = self.run_vm("platform=" + self.object)
            self.assertEqual(done.returncode, 0, done.stderr)
        kept = os.listdir(self.tmp.name + "/libcvm")
        self.assertEqual(len(kept), 1, kept)

    def test_usage(self):
        for words in ((), ("look",), ("check",)):
            done = cvmctl("kernel", *words)
            self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    case.main()
