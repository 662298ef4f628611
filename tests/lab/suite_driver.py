# SPDX-License-Identifier: GPL-2.0-only
"""The Linux driver alone: the host API's conformance suite inside the module,
its edge as a program sees it, memory control groups, lockdown, unload."""

import build
import inside
import machine
import paths

HOSTS = ("6.1", "6.12")
SELFTEST = "/sys/kernel/debug/cvm/selftest"
GROUP = "/sys/fs/cgroup/cvm-test"
# In the group: what it is charged with while a VM of 64 MiB exists.
CHARGED = """\
mkdir -p /sys/fs/cgroup
grep -q ' /sys/fs/cgroup cgroup2' /proc/mounts ||
	mount -t cgroup2 none /sys/fs/cgroup
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir -p %s
echo %s >%s/memory.max
sh -c 'echo $$ >%s/cgroup.procs; exec /lab/bin/linux_driver hold 64 %s'
"""


def _lines(t, text, least):
    """One check for each "ok NAME" or "not ok NAME" line."""
    count = 0
    for line in text.splitlines():
        if line.startswith(("ok ", "not ok ")):
            good = line.startswith("ok ")
            t.check(good, line.split(" ", 1 if good else 2)[-1], text)
            count += 1
    t.check(count >= least, "%d tests ran" % count, text)


def _charged(host, limit):
    script = CHARGED % (GROUP, limit, GROUP, GROUP, GROUP)
    return host.run(["sh", "-c", script])


def _memcg(t, host):
    done = _charged(host, "max")
    words = done.out.split()
    t.check(done.status == 0 and words and int(words[0]) >= 64 << 20,
            "a VM's memory is charged to its process's group",
            done.out + done.err)
    t.check(_charged(host, "40M").status == 1,
            "a VM beyond the group's limit is refused")
    left = int(host.sh("cat %s/memory.current" % GROUP))
    t.check(left < 4 << 20, "the charge goes with the VM", left)


def _lockdown(t, host):
    done = host.run(["sh", "-c", "mount -t securityfs none "
                     "/sys/kernel/security 2>/dev/null; "
                     "echo integrity >/sys/kernel/security/lockdown"])
    if done.status:
        t.skip("refuses under lockdown", "this kernel has none")
        return
    done = host.run(["/lab/bin/linux_driver", "hold", "2", "/dev/null"])
    t.check(done.status == 1 and b"Operation not permitted" in done.err,
            "refuses to open under lockdown", done.out + done.err)


def run(t):
    program = build.static_program(paths.ROOT / "tests/host/linux_driver.c")
    disk = paths.CACHE / "driver-disk"
    with open(disk, "wb") as handle:
        handle.truncate(64 << 20)
    for series in HOSTS:
        options = machine.Options(
            host=series, cpus=2, guests=(), modules=("virtio_blk",),
            files={"lab/bin/linux_driver": program.read_bytes()},
            qemu=("-drive", "file=%s,format=raw,if=none,id=d,snapshot=on"
                  % disk, "-device", "virtio-blk-pci,drive=d"))
        with machine.Machine(options) as host:
            t.info("host " + series)
            _lines(t, host.sh("echo 1 >%s; cat %s" % (SELFTEST, SELFTEST)),
                   20)
            done = host.run(["/lab/bin/linux_driver", "/dev/vda"])
            _lines(t, done.out.decode("utf-8", "replace"), 40)
            _memcg(t, host)
            inside.pages_back(t, host, "pages taken = pages returned")
            _lockdown(t, host)
            host.sh("rmmod cvm")
            t.check("cvm" not in host.sh("lsmod").split(),
                    "the module unloads")
            inside.clean(t, host.sh("dmesg"), "the host's log is clean")
