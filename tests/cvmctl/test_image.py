#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""cvmctl image: what it tells of disks, and how it makes one.

usage: test_image.py CVMCTL FAKE_DRIVER.so [unittest options]

The mmdebstrap here is a few lines of shell: it prints what the real one
prints, and makes a root of one file.  Everything else is the real thing.
"""
import errno
import glob
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from case import ASAN, SECONDS, gone

CVMCTL = FAKE_DRIVER = None
MIB = 1 << 20
MKE2FS = shutil.which("mke2fs", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
DEBUGFS = shutil.which("debugfs", path=os.environ["PATH"] +
                       ":/usr/sbin:/sbin")
SFDISK = shutil.which("sfdisk", path=os.environ["PATH"] + ":/usr/sbin:/sbin")

FAKE = """\
#!/bin/sh
[ "$1" = --unshare-helper ] && { shift; echo "$*" >>"$LOG"; exec "$@"; }
for word; do
	echo "arg $word" >>"$LOG"
	case $word in */root) root=$word;; esac
done
env >>"$LOG"
echo "I: running apt-get update..."
echo "I: installing remaining packages inside the chroot..."
echo "0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded."
mkdir "$root"
echo hello >"$root/greeting"
echo "Setting up libone:amd64 (1.0) ..."
case $FAKE in
fail) echo "$SAYS"; exit 25;;
wait) echo $$ >"$PIDS"; sleep 1000 & echo $! >>"$PIDS"; wait;;
esac
"""


def kill_all(pids):
    """Those of a failed test hold pipes open that others wait for."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


@unittest.skipUnless(MKE2FS and SFDISK, "no mke2fs or sfdisk here")
class Case(unittest.TestCase):
    def setUp(self):
        tmp = tempfile.TemporaryDirectory()
        self.addCleanup(tmp.cleanup)
        self.dir = tmp.name
        os.chdir(self.dir)

    def cvmctl(self, *args, **env):
        return subprocess.run([CVMCTL, "image", *args], timeout=SECONDS,
                              capture_output=True, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, **env), text=True)

    def refused(self, result, text, status=1):
        self.assertEqual((result.returncode, result.stdout), (status, ""))
        self.assertEqual(result.stderr, "cvmctl: %s\n" % text)

    def disk(self, name, bytes_, table=None):
        with open(name, "wb") as handle:
            handle.truncate(bytes_)
        if table:
            subprocess.run([SFDISK, "-q", name], input=table, text=True,
                           check=True)

    def ext4(self, name, label, offset, bytes_):
        subprocess.run([MKE2FS, "-q", "-t", "ext4", "-L", label, "-E",
                        "offset=%d" % offset, name, "%dk" % (bytes_ >> 10)],
                       check=True, stderr=subprocess.DEVNULL)


class Info(Case):
    def told(self, name):
        result = self.cvmctl("info", name, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_whole(self):
        self.disk("a.img", 20 * MIB)
        self.ext4("a.img", "one", 0, 20 * MIB)
        told = self.told("a.img")
        self.assertEqual((told["kind"], told["bytes"], told["table"],
                          told["filesystem"], told["label"], told["root"],
                          told["missing"], told["partitions"]),
                         ("raw", 20 * MIB, "none", "ext4", "one", "/dev/vda",
                          0, []))
        self.assertLess(told["allocated"], 10 * MIB)
        text = self.cvmctl("info", "a.img").stdout
        self.assertIn("a.img: raw, 20.0 MiB", text)
        self.assertIn("file system: ext4, label one", text)
        self.assertIn("  cobd0=a.img\n  root=/dev/vda ro\n", text)

    def test_tables(self):
        for table, efi, linux in (("gpt", "U", "L"), ("dos", "ef", "83")):
            self.disk("a.img", 64 * MIB, "label: %s\nsize=4M,type=%s\n"
                      "size=8M,type=%s\nsize=40M,type=%s\n" % (
                          table, efi, linux, linux))
            self.ext4("a.img", "boot", 5 * MIB, 8 * MIB)
            self.ext4("a.img", "system", 13 * MIB, 40 * MIB)
            told = self.told("a.img")
            self.assertEqual(told["table"], "mbr" if table == "dos" else
                             table)
            self.assertEqual([(p["number"], p["start"], p["bytes"],
                               p["type"], p["filesystem"], p["label"])
                              for p in told["partitions"]],
                             [(1, 1 * MIB, 4 * MIB, "EFI", None, ""),
                              (2, 5 * MIB, 8 * MIB, "Linux", "ext4", "boot"),
                              (3, 13 * MIB, 40 * MIB, "Linux", "ext4",
                               "system")])
            self.assertEqual(told["root"], "/dev/vda3")
            text = self.cvmctl("info", "a.img").stdout
            self.assertRegex(text, r"3 +13\.0 MiB +40\.0 MiB +Linux +ext4 +"
                             r"system\n")
            for line in text.splitlines():
                self.assertEqual(line, line.rstrip())

    def test_missing(self):
        self.disk("a.img", 64 * MIB, "label: dos\n,20M,L\n,30M,L\n")
        os.truncate("a.img", 41 * MIB)
        told = self.told("a.img")
        self.assertEqual(told["missing"], 10 * MIB)
        self.assertEqual(len(told["partitions"]), 2)
        text = self.cvmctl("info", "a.img").stdout
        self.assertIn("The last 10.0 MiB are missing", text)
        self.assertNotIn("cobd0", text)

    def test_others(self):
        self.disk("a.img", MIB)
        with open("a.img", "r+b") as handle:
            handle.write(b"QFI\xfb\0\0\0\3")
        self.assertEqual(self.told("a.img")["kind"], "qcow2")
        self.assertIn("qemu-img convert -f qcow2 -O raw a.img",
                      self.cvmctl("info", "a.img").stdout)
        with open("a.img", "wb") as handle:
            handle.write(gzip.compress(os.urandom(1000)))
        self.assertEqual(self.told("a.img")["kind"], "gzip")
        self.assertIn("  gzip -dc a.img >NEW.img\n",
                      self.cvmctl("info", "a.img").stdout)

    def test_refused(self):
        self.refused(self.cvmctl("info", "a.img"),
                     "a.img: No such file or directory")
        self.refused(self.cvmctl("info", "."), ".: neither a file nor a "
                     "disk")
        self.disk("a.img", 100)
        self.refused(self.cvmctl("info", "a.img"),
                     "a.img: too short for a disk: 100 bytes")
        for args, text in (
                ([], "no verb given; use create or info"),
                (["x"], "x: unknown verb; use create or info"),
                (["info"], "info: no FILE given")):
            self.refused(self.cvmctl(*args), "image: %s (see cvmctl image "
                         "--help)" % text, 2)


    @unittest.skipUnless(DEBUGFS, "no debugfs here")
    def test_kernel(self):
        """Whether kernel=cobd0: will find one."""
        for root, table in (("/dev/vda", None),
                            ("/dev/vda1", "label: gpt\nsize=30M,type=L\n")):
            self.disk("a.img", 40 * MIB, table)
            self.ext4("a.img", "one", MIB if table else 0, 30 * MIB)
            line = "  kernel=cobd0:\n  root=%s ro\n" % root
            told = self.told("a.img")
            self.assertEqual((told["root"], told["kernel"]), (root, False))
            self.assertNotIn(line, self.cvmctl("info", "a.img").stdout)
            with open("file", "wb") as handle:
                handle.write(bytes(5000))
            for name in "vmlinuz", "initrd.img":
                subprocess.run([DEBUGFS, "-w", "-R", "write file " + name,
                                "a.img" + ("?offset=%d" % MIB if table else
                                           "")],
                               check=True, capture_output=True)
            self.assertTrue(self.told("a.img")["kernel"])
            self.assertIn(line, self.cvmctl("info", "a.img").stdout)
            os.unlink("a.img")


class Create(Case):
    def setUp(self):
        super().setUp()
        os.mkdir("bin")
        os.mkdir("tmp")
        self.program("mmdebstrap", FAKE)

    def program(self, name, text):
        with open("bin/" + name, "w", encoding="utf-8") as handle:
            handle.write(text)
        os.chmod("bin/" + name, 0o755)

    def environment(self, **more):
        return dict(os.environ, PATH=self.dir + "/bin:" + os.environ["PATH"],
                    LOG=self.dir + "/log", PIDS=self.dir + "/pids",
                    **{"TMPDIR": self.dir + "/tmp", **more})

    def create(self, *args, **more):
        return self.cvmctl("create", "a.img", *args,
                           **self.environment(**more))

    def nothing_left(self):
        self.assertEqual(glob.glob("a.img*") + os.listdir("tmp"), [])

    def log(self):
        with open("log", encoding="utf-8") as handle:
            return handle.read()

    def greeting(self):
        return subprocess.check_output(
            ["debugfs", "-R", "cat greeting", "a.img"], text=True,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"))

    def made(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.greeting(), "hello\n")
        self.assertEqual(os.listdir("tmp"), [])
        self.assertEqual(glob.glob("a.img*"), ["a.img"])
        self.assertEqual(os.stat("a.img").st_mode & 0o777, 0o600)

    def test_root(self):
        self.program("id", "#!/bin/sh\necho 0\n")
        with open("key", "w", encoding="utf-8") as handle:
            handle.write("ssh-ed25519 AAAA me\n")
        result = self.create(
            "--suite", "trixie", "--size", "600", "--hostname", "web",
            "--packages", "nginx,fio", "--ssh-key", "key", "--mirror",
            "http://mirror/debian")
        self.made(result)
        self.assertEqual(os.path.getsize("a.img"), 600 * MIB)
        self.assertIn("a.img: raw, 600.0 MiB", result.stdout)
        self.assertIn("root=/dev/vda ro", result.stdout)
        self.assertEqual(result.stderr, "".join(
            "a.img: %s\n" % step for step in (
                "reading Debian's package lists", "installing packages",
                "making the file system")))
        log = self.log()
        for text in ("arg --mode=root\n", "arg trixie\n",
                     "arg http://mirror/debian\n", "IMAGE_HOSTNAME=web\n",
                     "IMAGE_KEYS=ssh-ed25519 AAAA me\n", "IMAGE_ASKS=\n"):
            self.assertIn(text, log)
        self.assertRegex(log, r"arg --include=.*udev,initramfs-tools,zstd,"
                         r"linux-image-cloud-amd64,openssh-server,nginx,"
                         r"fio\n")

    def test_kernel(self):
        """Another one, and none, and then no initrd either."""
        self.program("id", "#!/bin/sh\necho 0\n")
        self.made(self.create("--kernel", "linux-image-rt-amd64"))
        self.assertRegex(self.log(), r"arg --include=.*,linux-image-rt-amd64"
                         r"\n")
        self.assertRegex(self.log(), r"(?s)arg --essential-hook=.*virtio_blk")
        os.unlink("a.img")
        os.unlink("log")
        self.made(self.create("--kernel", "none"))
        self.assertRegex(self.log(), r"arg --include=.*,udev\n")
        self.assertIn("arg --essential-hook=true\n", self.log())

    def test_user(self):
        self.program("id", "#!/bin/sh\necho 1000\n")
        self.made(self.create())
        log = self.log()
        self.assertIn("arg --mode=unshare\n", log)
        self.assertIn("mke2fs -q -t ext4", log)
        self.assertEqual(os.path.getsize("a.img"), 8 << 30)
        self.assertLess(os.stat("a.img").st_blocks * 512, 100 * MIB)

    def test_password(self):
        """It is in nobody's arguments or environment."""
        with open("password", "w", encoding="utf-8") as handle:
            handle.write("se%cret 1\n")
        self.program("chroot", '#!/bin/sh\necho "chroot $*" >>"$LOG"\n'
                     'env >>"$LOG"\ncat >"$LOG.stdin"\n')
        for user in "0", "1000":
            self.program("id", "#!/bin/sh\necho %s\n" % user)
            self.made(self.create("--password", "password"))
            self.assertRegex(self.log(), r"chroot .*/root chpasswd\n")
            self.assertIn("IMAGE_ASKS=password\n", self.log())
            self.assertNotIn("se%cret", self.log())
            with open("log.stdin", encoding="utf-8") as handle:
                self.assertEqual(handle.read(), "root:se%cret 1\n")
            os.unlink("a.img")

    def test_private(self):
        """While it is made nobody else can read it either."""
        self.program("id", "#!/bin/sh\necho 1000\n")
        self.program("mke2fs", '#!/bin/sh\nfor image; do :; done\n'
                     'stat -c "%%a %%n" "$PWD/.." "$PWD/$image" "$WD"/a.img.*'
                     ' >>"$LOG"\nexec %s "$@"\n' % MKE2FS)
        with open("a.img.part", "wb") as handle:
            handle.write(b"left, and for all to read")
        self.made(self.create(WD=self.dir))
        self.assertRegex(self.log(), r"\n700 %s/tmp/cvmctl-image\.\w+/in/\.\.\n"
                         r"\d+ .*/image\n600 .*/a\.img\.part\n" % self.dir)

    def test_names(self):
        """On file systems that cannot do the best."""
        self.program("id", "#!/bin/sh\necho 0\n")
        for fake in ({"RENAME": errno.EINVAL},
                     {"RENAME": errno.EINVAL, "LINK": errno.EPERM}):
            fake = {"CVM_FAKE_" + k: str(v) for k, v in fake.items()}
            self.made(self.create(LD_PRELOAD=FAKE_DRIVER, ASAN_OPTIONS=ASAN, **fake))
            self.program("mke2fs", "#!/bin/sh\n%s \"$@\"\n"
                         "echo mine >a.img\n" % MKE2FS)
            os.unlink("a.img")
            result = self.create(LD_PRELOAD=FAKE_DRIVER, ASAN_OPTIONS=ASAN, **fake)
            self.assertEqual(result.returncode, 1)
            self.assertTrue(result.stderr.endswith(
                "\ncvmctl: a.img: File exists; the image is complete, as "
                "a.img.part\n"), result.stderr)
            with open("a.img", encoding="utf-8") as handle:
                self.assertEqual(handle.read(), "mine\n")
            os.rename("a.img.part", "a.img")
            self.assertEqual(self.greeting(), "hello\n")
            os.unlink("a.img")
            os.unlink("bin/mke2fs")

    def test_blank(self):
        """Only what is ours is removed, whatever TMPDIR is called."""
        os.mkdir("mine")
        os.mkdir("mine tmp")
        self.program("id", "#!/bin/sh\necho 1000\n")
        self.made(self.create(TMPDIR=self.dir + "/mine tmp"))
        self.assertTrue(os.path.isdir("mine"))
        self.assertEqual(os.listdir("mine tmp"), [])

    def test_failure(self):
        for says, text in (
                ("E: the mirror is gone\nE: apt-get failed",
                 "the mirror is gone"),
                ("E: The repository 'http://d/debian sidd Release' does not "
                 "have a Release file.",
                 "no release sidd at http://d/debian"),
                ("tar: ./x: Cannot write: No space left on device\n"
                 "E: tar --extract failed: 512",
                 "no space left for %s/tmp/cvmctl-image.*/root" % self.dir)):
            result = self.create(FAKE="fail", SAYS=says)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertRegex(result.stderr, r"\A(a\.img: .*\n){2}cvmctl: "
                             r"a\.img: installing packages failed: %s\n\Z" %
                             text)
            self.nothing_left()

    def test_unknown_failure(self):
        says = "E: Sub-process dpkg returned an error code (1)"
        result = self.create(FAKE="fail", SAYS=says)
        self.assertIn("\n  | %s\ncvmctl: a.img: installing packages failed: "
                      "see the last lines above\n" % says, result.stderr)
        self.nothing_left()

    def test_no_room(self):
        self.program("id", "#!/bin/sh\necho 0\n")
        for says, text in (
                ("mke2fs: No space left on device while populating",
                 "no space left for a.img.part"),
                ("__populate_fs: Could not allocate block in ext2 filesystem",
                 "the system does not fit; use a larger --size")):
            self.program("mke2fs", "#!/bin/sh\necho '%s'\nexit 1\n" % says)
            result = self.create()
            self.assertTrue(result.stderr.endswith(
                "\ncvmctl: a.img: making the file system failed: %s\n" %
                text), result.stderr)
            self.nothing_left()

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.mkfifo("pids")
            # Open for writing too: or what comes between two writers is lost.
            told = os.open("pids", os.O_RDWR)
            with os.fdopen(told, encoding="utf-8") as lines, subprocess.Popen(
                    [CVMCTL, "image", "create", "a.img"],
                    env=self.environment(FAKE="wait"), text=True,
                    stderr=subprocess.PIPE) as process:
                pids = [int(lines.readline()) for _ in range(2)]
                process.send_signal(number)
                try:
                    err = process.communicate(timeout=SECONDS)[1]
                finally:
                    # Killed with its group, and may be about to end.
                    still = gone(*pids)
                    kill_all(still)
            self.assertEqual(process.returncode, 1)
            self.assertTrue(err.endswith(
                "cvmctl: a.img: interrupted; what was made is removed\n"), err)
            self.nothing_left()
            self.assertEqual(still, [])
            os.unlink("pids")

    def test_missing(self):
        os.unlink("bin/mmdebstrap")
        bare = os.path.join(self.dir, "bare")
        os.mkdir(bare)
        for name in ("sh", "id", "mktemp", "chmod", "rm", "cat"):
            os.symlink(shutil.which(name), os.path.join(bare, name))
        result = self.cvmctl("create", "a.img", PATH=bare,
                             TMPDIR=self.dir + "/tmp")
        self.assertEqual(result.returncode, 1)
        self.assertIn("apt-get install mmdebstrap", result.stderr)
        self.nothing_left()

    def test_refused(self):
        def usage(text, *args):
            self.refused(self.create(*args), "image: %s (see cvmctl image "
                         "--help)" % text, 2)

        with open("a.img.part", "wb") as handle:
            handle.write(b"left by one that was killed")
        self.made(self.create())
        self.refused(self.create(), "a.img: file exists already")
        os.unlink("a.img")
        usage("--size: too small; Debian needs at least 512M", "--size", "100")
        usage("--hostname a b: not a host name (letters, digits, - and ., at "
              "most 63)",
              "--hostname", "a b")
        usage("--suite -x: not the name of a Debian release", "--suite", "-x")
        usage("--kernel a,b: not the name of a package, nor none",
              "--kernel", "a,b")
        usage("--packages a b: not a list of packages (names separated by "
              "commas)", "--packages",
              "a b")
        for text, reason in (
                ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "key: this is the "
                 "private key; give the public one, key.pub"),
                ("hello\n", "key: not an SSH public key")):
            with open("key", "w", encoding="utf-8") as handle:
                handle.write(text)
            self.refused(self.create("--ssh-key", "key"), reason)
        with open("password", "w", encoding="utf-8") as handle:
            handle.write("one\ntwo\n")
        self.refused(self.create("--password", "password"), "password: it "
                     "must hold the password as its only line")
        self.refused(self.create("--ssh-key", "none"), "none: No such file "
                     "or directory")
        self.refused(self.cvmctl("create", "none/a.img"), "none/a.img: No "
                     "such file or directory")
        self.nothing_left()


if __name__ == "__main__":
    CVMCTL, FAKE_DRIVER = map(os.path.abspath, sys.argv[1:3])
    del sys.argv[1:3]
    os.umask(0o022)
    unittest.main()
