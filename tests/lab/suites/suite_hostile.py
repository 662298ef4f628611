# SPDX-License-Identifier: GPL-2.0-only
"""A guest's kernel attacks its devices, whose VMM is built with sanitizers.

A module takes disk, network card, serial lines and source of randomness from
their drivers and writes garbage into slots, rings and doorbells, from several
seeds, while another disk is in use.  A reset makes the devices work again; the
rest of the guest does not notice.  Leaks of the same tool are looked for beside
it, against the fake driver of its unit tests."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import build
import guest
import inside
import kernels
import machine
import paths

sys.path.insert(0, str(paths.ROOT / "tests/cvmctl"))

import case as samples   # noqa: E402

CONFIG = "/tmp/vm.conf"
MODULE = "tests/lab/modules/hostile"
NAME = "attacked"
# (Leaks are looked for by a process of its own, which a VMM must not make, but
# for _leaks().)
SANITIZED = ("env", "ASAN_OPTIONS=detect_leaks=0")
SEED = 1
ROUNDS = 2000
LINES = 4 * 8		# of warnings, eight a device (docs/virtio.md)
PING = "ping_group_range"	# said once, and about the host
DISKS = """\
dd if=/dev/urandom of=/tmp/prey.img bs=1M count=4 2>/dev/null
dd if=/dev/urandom of=/tmp/used.img bs=1M count=4 2>/dev/null
cat >%s <<'END'
cobd0=/tmp/prey.img
cobd1=/tmp/used.img
eth0=slirp
ttys0=pty ttys1=file:/tmp/line.out
END
""" % CONFIG

# The other disk at work, until a file appears; says how often.
WORK = """\
n=0
while [ ! -e /tmp/enough ]; do
	dd if=/dev/urandom of=/tmp/block bs=64k count=1 2>/dev/null
	dd if=/tmp/block of=/dev/vdb bs=64k seek=$((n % 32)) conv=fsync,notrunc \
		2>/dev/null || exit 1
	dd if=/dev/vdb bs=64k skip=$((n % 32)) count=1 iflag=direct \
		2>/dev/null | cmp -s - /tmp/block || exit 2
	n=$((n + 1))
done
echo $n
"""


def _prey(inner):
    """{driver: its device}, the disk being the first of two."""
    found = {}
    for driver in ("virtio_rng", "virtio_blk", "virtio_net",
                   "virtio_console"):
        found[driver] = inner.sh("cd /sys/bus/virtio/drivers/%s; ls -d "
                                 "virtio*" % driver).split()[0]
    found["virtio_blk"] = inner.sh(
        "basename $(readlink -f /sys/block/vda/device)").strip()
    return found


def _bind(inner, prey, what):
    for driver, device in prey.items():
        inner.sh("echo %s >/sys/bus/virtio/drivers/%s/%s" % (
            device, driver, what))


def _attack(t, inner, prey, seed):
    """Some rounds against each device; what the module says of each."""
    inner.sh("rm -f /tmp/enough; dmesg -c >/dev/null")
    _bind(inner, prey, "unbind")
    work = inner.spawn(["sh", "-c", WORK])
    done = inner.run(["insmod", "/tmp/hostile.ko", "seed=%d" % seed,
                      "rounds=%d" % ROUNDS])
    inner.sh("touch /tmp/enough")
    inner.wait(work)
    said = re.findall(r"hostile: slot (\d+), (\d+) requests, digest (\w+), "
                      r"reset 0, status 0", inner.sh("dmesg"))
    t.check(done.status == 0 and len(said) == len(prey),
            "seed %d: %s requests to %d devices, each reset at the end" % (
                seed, "+".join(words[1] for words in said), len(said)),
            done.err.decode() + inner.sh("dmesg"))
    t.check(work.status == 0 and int(work.out) > 0,
            "seed %d: the other disk kept working" % seed,
            "status %d, %s rounds" % (work.status, work.out))
    inner.sh("rmmod hostile")
    _bind(inner, prey, "bind")
    t.equal(inner.sh("cat /sys/block/vda/size; dd if=/dev/vda bs=64k count=8 "
                     "iflag=direct 2>/dev/null | wc -c; head -c 64 "
                     "/dev/hwrng | wc -c; ls -d /sys/class/net/eth0; "
                     "cat /sys/class/virtio-ports/*/name").split(),
            ["8192", "524288", "64", "/sys/class/net/eth0", "ttys0", "ttys1"],
            "seed %d: the devices work again for their own drivers" % seed)
    return said


def _repeats(t, first, again):
    t.equal([words[2] for words in again], [words[2] for words in first],
            "the same seed does the same again")


def _said(t, err):
    """What the VMM printed."""
    text = err.decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if " in slot " in line and
             PING not in line]
    t.check(0 < len(lines) <= LINES, "the VMM says it in %d lines" % len(
        lines), text)
    t.check("Sanitizer" not in text and "runtime error" not in text,
            "the VMM's sanitizers reported nothing", text)


def _guest(t, host, name, seed):
    module = kernels.guest(name).module(MODULE).read_bytes()
    with guest.Guest(host, name=NAME, extra=("--config", CONFIG),
                     prefix=SANITIZED) as inner:
        machine.checked(inner.run(["sh", "-c", "cat >/tmp/hostile.ko"],
                                  stdin=module), "the module")
        prey = _prey(inner)
        said = _attack(t, inner, prey, seed)
        if name == t.guest:
            _repeats(t, said, _attack(t, inner, prey, seed))
        host.sh("cvmctl stop " + NAME)
        t.equal(inner.ended(), 0, "the guest powers off when it is told to")
        _said(t, inner.err)
        trouble = inside.trouble(inner.console())
        t.check(not trouble, "the guest's kernel had no trouble",
                "\n".join(trouble))


RUN = "run --kernel {0}/vmlinux "
# Without a guest of ours: words, and the status.
LEAKS = (
    ("list --json", 0), ("stats 7", 0), ("check", 0), ("console nobody", 1),
    (RUN, 0), (RUN + "cobd0={0}/disk cobd1={0}/disk", 1),
    (RUN + "cobd0={0}/disk eth0=slirp ttys0=pty ttys1=file:{0}/out", 0),
    (RUN + "cobd0={0}/disk eth0=slirp exec0=/no/such", 1),
    (RUN + "--mem 999G", 1), (RUN + "kernl=x", 1),
)


def _leaks(t, cvmctl):
    """What is still held when the tool ends."""
    preload = (
        next(p for p in build.libraries(cvmctl) if "libasan" in p.name),
        build.meson_dir("native") / "tests/cvmctl/libfake_driver.so",
        build.program(paths.PROGRAMS / "unconfined.c", "-shared",
                      "-fPIC"))
    env = dict(os.environ, LD_PRELOAD=" ".join(map(str, preload)),
               ASAN_OPTIONS="detect_leaks=1")
    with tempfile.TemporaryDirectory(prefix="cvm-leaks-") as where:
        (pathlib.Path(where) / "vmlinux").write_bytes(samples.elf())
        (pathlib.Path(where) / "disk").write_bytes(bytes(1 << 20))
        for words, status in LEAKS:
            done = subprocess.run(
                [cvmctl, *words.format(where).split()], env=env,
                input=b"hello\npoweroff\n", stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE)
            t.check(done.returncode == status and
                    b"Sanitizer" not in done.stderr, "no leaks: cvmctl " +
                    words.format("DIR"), "status %s\n%s" % (
                        done.returncode, done.stderr.decode()))


def run(t):
    cvmctl = build.sanitized_cvmctl()
    _leaks(t, cvmctl)
    files = {str(path)[1:]: path.read_bytes()
             for path in build.libraries(cvmctl)}
    files["lab/bin/cvmctl"] = cvmctl.read_bytes()
    for seed, name in enumerate(t.guests, SEED):
        t.info("guest %s, its host the same version" % name)
        options = machine.Options(host=kernels.series(name), guest=name,
                                  files=files)
        with machine.Machine(options) as host:
            host.sh(DISKS)
            _guest(t, host, name, seed)
            t.equal(host.sh("cvmctl list --json").strip(), "[]",
                    "no VM is left behind")
            inside.pages_back(t, host, "all pages came back")
            inside.clean(t, host.sh("dmesg"), "the host's log is clean")
