#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""cvm-platform: where it puts what it builds, and what it refuses.

usage: test_platform.py CVM_PLATFORM [unittest options]

The builder of objects, cvmctl, apt and dpkg here are a few lines each.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PLATFORM = None
ROOT = pathlib.Path(__file__).resolve().parents[2]

# A kernel of the tests holds its build ID, an object its headers' release.
CVMCTL = """\
#!/bin/sh
for kernel; do :; done
printf '{ "build_id": "%s" }' "$(cat "$kernel")"
exit 1
"""
BUILD = """\
#!/bin/sh
[ -e "$FAIL" ] && { echo "error: no" >&2; exit 1; }
cut -d '"' -f 2 "$2/include/generated/utsrelease.h" >"$4"
[ "$5" ] && echo "$5 $6" >>"$4"
echo "$4"
"""
APT_CACHE = """\
#!/bin/sh
echo "$2"
case $2 in
linux-image-amd64) echo "  Depends: linux-image-9.1-amd64";;
linux-image-9.1-amd64) echo "  Depends: kmod"; echo " |Depends: linux-base";;
linux-headers-9.1-amd64) echo "  Depends: linux-headers-9.1-common"
	echo "  Depends: linux-kbuild-9.1"; echo "  Depends: gcc";;
esac
"""
APT_GET = """\
#!/bin/sh
echo "$*" >"$LOG"
for name; do case $name in linux-*) : >"$name.deb";; esac; done
"""
DPKG_DEB = """\
#!/bin/sh
case $2 in
*image*) mkdir -p "$3/usr/lib/modules/9.1-amd64"
	echo 91ab >"$3/usr/lib/modules/9.1-amd64/vmlinuz";;
*headers-9.1-amd64*)
	mkdir -p "$3/usr/src/linux-headers-9.1-amd64/include/generated"
	cd "$3/usr/src/linux-headers-9.1-amd64"
	echo "include /usr/src/linux-headers-9.1-common/Makefile" >Makefile
	echo '#define UTS_RELEASE "9.1-amd64"' >include/generated/utsrelease.h;;
esac
"""


class Case(unittest.TestCase):
    def setUp(self):
        tmp = tempfile.TemporaryDirectory()
        self.addCleanup(tmp.cleanup)
        self.here = pathlib.Path(tmp.name)
        self.where = self.here / "platform"
        # The tree it is in decides where the builder is.
        self.script("tree/guest-patch/object/build", BUILD)
        self.script("bin/cvmctl", CVMCTL)
        os.makedirs(self.here / "tree/packaging")
        shutil.copy(PLATFORM, self.here / "tree/packaging")
        for name, text in (("apt-cache", APT_CACHE), ("apt-get", APT_GET),
                           ("dpkg-deb", DPKG_DEB)):
            self.script("bin/" + name, text)

    def file(self, name, text):
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def script(self, name, text):
        self.file(name, text).chmod(0o755)

    def run_it(self, *args):
        return subprocess.run(
            [self.here / "tree/packaging/cvm-platform", *args],
            capture_output=True, text=True, check=False, env=dict(
                os.environ, CVM_PLATFORM_DIR=str(self.where),
                CVMCTL=str(self.here / "bin/cvmctl"),
                LOG=str(self.here / "log"), FAIL=str(self.here / "fail"),
                PATH="%s/bin:%s" % (self.here, os.environ["PATH"])))

    def done(self, *args):
        result = self.run_it(*args)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def refused(self, text, *args):
        result = self.run_it(*args)
        self.assertEqual((result.returncode, result.stdout,
                          result.stderr.splitlines()[-1]),
                         (1, "", "cvm-platform: " + text))

    def there(self):
        return sorted(str(path.relative_to(self.where))
                      for path in self.where.rglob("*.*"))

    def add(self, release, build_id):
        headers = self.file(release + "/include/generated/utsrelease.h",
                            '#define UTS_RELEASE "%s"\n' %
                            release).parents[2]
        kernel = self.file(release + "/vmlinuz", build_id)
        self.done("add", "--headers", headers, "--kernel", kernel)
        return headers, kernel

    def test_add(self):
        self.add("6.1-a", "aa11")
        self.add("6.12-b", "bb22")
        self.assertEqual(self.there(), [
            "aa11.o", "bb22.o", "by-release/6.1-a.o",
            "by-release/6.12-b.o"])
        self.assertEqual((self.where / "aa11.o").read_text(), "6.1-a\n")
        self.assertEqual((self.where / "by-release/6.12-b.o").read_text(),
                         "6.12-b\n")
        self.assertEqual(self.done("list"), "6.1-a aa11.o\n6.12-b bb22.o\n")

    def test_again(self):
        """A newer kernel of the same name takes its place."""
        self.add("6.1-a", "aa11")
        self.add("6.1-a", "aa12")
        self.assertEqual(self.done("list"), "6.1-a aa12.o\n")
        self.assertEqual(self.there(), ["aa12.o", "by-release/6.1-a.o"])

    def test_remove(self):
        self.add("6.1-a", "aa11")
        self.add("6.1-a2", "aa11")
        self.add("6.12-b", "bb22")
        self.done("remove", "6.1-a")
        self.assertIn("aa11.o", self.there())
        self.done("remove", "6.1-a2")
        self.assertEqual(self.there(), ["bb22.o", "by-release/6.12-b.o"])
        self.refused("6.1-a: there is no object for it", "remove", "6.1-a")
        self.done("hook", "remove", "6.1-a")

    def test_series(self):
        headers, _ = self.add("6.12-b", "bb22")
        self.done("add", "--headers", headers, "--series", "6.12")
        self.assertEqual((self.where / "6.12.o").read_text(),
                         "6.12-b\n--series 6.12\n")
        self.assertEqual(self.done("list"), "6.12-b bb22.o\n")
        self.done("remove", "6.12-b")
        self.assertEqual(self.there(), ["6.12.o"])

    def test_fetch(self):
        self.done("fetch", "linux-image-amd64")
        self.assertEqual(self.done("list"), "9.1-amd64 91ab.o\n")
        self.assertEqual((self.here / "log").read_text(), "-q -o "
                         "APT::Sandbox::User=root download linux-image-9.1-amd64 linux-headers-9.1-amd64 "
                         "linux-headers-9.1-common linux-kbuild-9.1\n")

    def test_failure(self):
        """Nothing is left, and what was there stays."""
        headers, kernel = self.add("6.1-a", "aa11")
        before = self.there()
        self.file("fail", "")
        self.refused("6.1-a: the object cannot be built, see above", "add",
                     "--headers", headers, "--kernel", kernel)
        self.assertEqual(self.there(), before)

    def test_refused(self):
        self.refused("9.9: its headers are not installed (on Debian: apt "
                     "install linux-headers-9.9)", "add", "9.9")
        self.refused("add: no RELEASE given, and no --headers", "add")
        together = "--headers and either --kernel or --series belong together"
        self.refused(together, "add", "--headers", self.here)
        self.refused(together, "add", "--series", "6.12")
        self.refused("--series 6: not a kernel's version (as 6.12)", "add",
                     "--headers", self.here, "--series", "6")
        self.refused("%s: no kernel's headers, or tree (utsrelease.h: No "
                     "such file or directory)" % self.here, "add",
                     "--headers", self.here, "--kernel", self.here / "x")
        headers, kernel = self.add("6.1-a", "aa11")
        kernel.write_text("no ID")
        self.refused("%s: no build ID can be found in it (see cvmctl kernel "
                     "check)" % kernel, "add", "--headers", headers,
                     "--kernel", kernel)
        # Neither is a reason for a package not to be installed.
        self.done("hook", "add", "9.9")


if __name__ == "__main__":
    PLATFORM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
