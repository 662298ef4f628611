# SPDX-License-Identifier: GPL-2.0-only
"""An ordinary Debian in a guest, in a host that is one too: systemd, disks with
and without a partition table, DHCP, ssh, apt, `fio`, an X client."""

import os
import re
import subprocess
import tempfile

import children
import distro
import guest
import inside
import kernels
import machine
import paths

SECTOR = 512
SMALL = 256		# MiB, for guests that only boot
STRIPPED = 63		# sectors before the first partition, as disks once had
SSH = ("ssh", "-i", "/root/key", "-p", str(distro.SSH_PORT), "-o",
       "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR", "root@127.0.0.1")


def _system(t, kernel, what):
    """Everything systemd was to start has been started."""
    state = kernel.run(["systemctl", "is-system-running", "--wait"])
    failed = kernel.sh("systemctl --failed --no-legend --plain")
    t.check(state.out == b"running\n" and not failed,
            "%s: systemctl is-system-running prints running" % what,
            "%s%s" % (state.out.decode(), failed))


def _root(t, inner, source, what):
    t.equal(inner.sh("findmnt -no SOURCE,FSTYPE /").split(), [source, "ext4"],
            what)


def _recorder(t, inner, what):
    t.equal(inner.sh("cat /sys/hypervisor/cvm/recorder"), "",
            "the hardware-access recorder is empty " + what)


def _address(t, inner):
    text = inner.sh("ip -4 -o addr show dev eth0")
    t.check("inet 10.0.2.15/24" in text and "dynamic" in text,
            "the guest has an address by DHCP", text)
    name = inner.sh("getent ahostsv4 _gateway || true")
    t.check("10.0.2.2" in name, "the guest knows its gateway's name", name)


def _ssh(t, host):
    key = distro.image().key.read_bytes()
    host.put("/root/key", key, 0o600)
    proc = host.run([*SSH, "uname -r; cat; exit 7"], stdin=b"through ssh\n")
    lines = proc.out.decode().splitlines()
    t.check(proc.status == 7 and lines[1:] == ["through ssh"] and
            kernels.guest(host.options.guest).is_release(lines[0]),
            "ssh from the host through a forwarded port",
            (proc.status, proc.out, proc.err))


def _apt(t, host, inner):
    what = "apt-get update and install of a small package"
    reach = host.run(["timeout", "30", "bash", "-c",
                      "exec 3<>/dev/tcp/deb.debian.org/80"])
    if reach.status:
        t.skip(what, "no way to deb.debian.org")
        return
    script = ("apt-get -q -o Acquire::Languages=none -o Acquire::Retries=3 "
              "update && DEBIAN_FRONTEND=noninteractive apt-get -q -y "
              "-o Acquire::Retries=3 install hello")
    proc = inner.run(["sh", "-c", script], limit=1500)
    t.check(proc.status == 0, what, proc.out + proc.err)
    t.equal(inner.sh("hello"), "Hello, world!\n", "the installed program runs")


def _fio(t, inner):
    """Both disks are written, verified and read at the same time."""
    jobs = ["fio", "--minimal", "--ioengine=libaio", "--direct=1",
            "--rw=randrw", "--bsrange=512-64k", "--iodepth=16",
            "--verify=crc32c", "--verify_fatal=1", "--do_verify=1",
            "--size=24M", "--name=b", "--filename=/dev/vdb", "--name=c",
            "--filename=/dev/vdc"]
    proc = inner.run(jobs, limit=900)
    t.check(proc.status == 0 and len(proc.out.splitlines()) == 2,
            "fio verifies what it wrote to two disks at once",
            proc.out + proc.err)
    one, two = (inner.sh("sha256sum " + d).split()[0]
                for d in ("/dev/vdb", "/dev/vdc"))
    t.check(one != two, "the two disks hold different data")


def _windows(host):
    return host.sh("xwininfo -display :0 -root -tree || true")


def _x(t, host, inner):
    host.sh("setsid Xvfb :0 -screen 0 320x240x24 -noreset -listen tcp -ac "
            ">/dev/null 2>&1 & sleep 1")
    host.sh("for i in $(seq 240); do xwininfo -display :0 -root >/dev/null "
            "2>&1 && exit; sleep 1; done; exit 1")
    host.sh("xsetroot -display :0 -solid steelblue")
    before = host.sh("xwd -display :0 -root | sha256sum")
    inner.sh("DISPLAY=10.0.2.2:0 setsid xclock -geometry 200x200+60+20 "
             ">/tmp/xclock 2>&1 &")
    host.sh("for i in $(seq 480); do xwininfo -display :0 -root -tree | "
            "grep -q '\"xclock\"' && break; sleep 1; done")
    t.check('"xclock"' in _windows(host),
            "xclock in the guest has a window on the host's X server",
            inner.sh("cat /tmp/xclock"))
    drawn = host.run(["sh", "-c", "for i in $(seq 480); do [ \"$(xwd -display "
                      ":0 -root | sha256sum)\" != \"$0\" ] && exit; sleep 1; "
                      "done; exit 1", before.strip()])
    t.check(drawn.status == 0, "xclock in the guest draws into its window",
            drawn.err)
    keep = os.environ.get("CVM_LAB_SCREENSHOT")
    if keep:
        proc = host.run(["xwd", "-display", ":0", "-root"])
        with open(keep, "wb") as handle:
            handle.write(proc.out)
    inner.sh("killall xclock || pkill xclock")


def _whole(t, host):
    """The guest with all that it can have."""
    for name in ("b", "c"):
        host.sh("truncate -s 64M /var/tmp/%s.img" % name)
    words = ["cobd%d=/var/tmp/%s.img" % pair for pair in ((1, "b"), (2, "c"))]
    with distro.boot(host, words) as inner:
        _system(t, inner, "the guest")
        _root(t, inner, "/dev/vda", "its root is a virtio disk with ext4")
        _address(t, inner)
        _recorder(t, inner, "after the whole boot")
        _ssh(t, host)
        _fio(t, inner)
        _x(t, host, inner)
        _apt(t, host, inner)
        _recorder(t, inner, "after all of that")
        inside.clean(t, inner.sh("dmesg"), "the guest's log is clean")
        inner.proc.signal(15)
        t.equal(inner.ended(), 0, "asked to power off, it does")


def _make_room(host):
    """Memory that the host's cache has filled takes long under TCG to move
    away, and Debian's kernel zeroes what it gives in one go: for 512 MiB that
    came near the 22 s after which it complains of a CPU that is stuck."""
    host.sh("sync; echo 3 >/proc/sys/vm/drop_caches")


def _other_disk(t, host, disk, root, what):
    _make_room(host)
    options = machine.Options(**vars(host.options))
    options.root = root
    conf = distro.configure(host, disk=disk, root=root)
    with guest.Guest(host, options, extra=("--config", conf)) as inner:
        _root(t, inner, root, what)
        _system(t, inner, "that guest")


def _by_hand(t, host, disk, root, what):
    """As anybody starts it: nothing of the lab's, a login on the console.  A
    stock kernel is the disk's own, and so is its initrd."""
    _make_room(host)
    seen, err = bytearray(), bytearray()
    kernel = "cobd0:" if kernels.stock(host.options.guest) else None
    proc = host.spawn(["cvmctl", "run", "--detach-key", "none", "@" +
                       distro.configure(host, disk=disk, root=root,
                                        kernel=kernel)],
                      stdout=seen.extend, stderr=err.extend)
    host.wait(lambda: b"root@debian:~# " in seen or proc.status is not None,
              "a login", machine.DEBIAN_SECONDS)
    proc.write(b"systemctl is-system-running --wait; "
               b"findmnt -no SOURCE,FSTYPE /; poweroff\r")
    host.wait(lambda: proc.status is not None, "poweroff",
              machine.DEBIAN_SECONDS)
    said = seen.decode("utf-8", "replace").split("root@debian:~# ", 1)[-1]
    t.check(proc.status == 0 and re.search(r"\brunning\r", said) and
            re.search(r"%s +ext4\r" % root, said), what,
            said + err.decode("utf-8", "replace"))


def _with_table(directory):
    """The image as the one partition of a disk that begins where disks of
    coLinux's time had it."""
    source = distro.image().path
    path = os.path.join(directory, "table.img")
    size = os.path.getsize(source)
    start = STRIPPED * SECTOR
    with open(path, "wb") as disk, open(source, "rb") as image:
        disk.truncate(start + size)
        at = 0
        while at < size:
            try:
                at = os.lseek(image.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(image.fileno(), at, os.SEEK_HOLE)
            while at < end:
                at += os.copy_file_range(image.fileno(), disk.fileno(),
                                         end - at, at, start + at)
    subprocess.run(["/sbin/sfdisk", "-q", path], check=True, text=True,
                   input="label: dos\n%d,,L,*\n" % STRIPPED,
                   stderr=subprocess.DEVNULL)
    return path


def _older(t):
    """The other kernel, in the lab's own small host."""
    name = t.guests[-1]
    with machine.Machine(distro.options(guest=name)) as host:
        with distro.boot(host) as inner:
            release = inner.sh("uname -r").strip()
            t.check(kernels.guest(name).is_release(release),
                    "a guest with the kernel %s" % release)
            _system(t, inner, "that guest")
            _recorder(t, inner, "after its boot")
            inside.clean(t, inner.sh("dmesg"), "that guest's log is clean")


def _lab(t):
    """The command line, in the lab's own small host."""
    proc = children.run(
        [paths.ROOT / "tools/lab", "debian", "--guest", t.guest, "--", "sh",
         "-c", "cat; echo err >&2; exit 7"], input=b"in\0\xff\x0f\n")
    t.check(proc.returncode == 7 and proc.stdout == b"in\0\xff\x0f\n" and
            proc.stderr.endswith(b"\nerr\n"),
            "tools/lab debian -- CMD: input, output, errors and status are "
            "CMD's", (proc.returncode, proc.stdout, proc.stderr))


def run(t):
    with tempfile.TemporaryDirectory(prefix="cvm-lab-") as directory:
        # Of the disk's own kernels either may be the one that it starts.
        options = distro.options(
            debian_host=True, guest=t.guest, guests=kernels.STOCK
            if kernels.stock(t.guest) else (t.guest,))
        options.disks += (_with_table(directory),)
        with machine.Machine(options) as host:
            _system(t, host, "the host")
            _whole(t, host)
            host.options.mem = SMALL
            _other_disk(t, host, "/dev/vdc", "/dev/vda1",
                        "a disk with a partition table boots unchanged")
            _by_hand(t, host, "/dev/vdc1", "/dev/vda", "and without its "
                     "first 63 sectors, from the console's login")
            inside.pages_back(t, host, "all pages came back")
            inside.clean(t, host.sh("dmesg"), "the host's log is clean")
    _lab(t)
    if t.long:
        _older(t)
