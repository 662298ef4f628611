# SPDX-License-Identifier: GPL-2.0-only
"""The two small systems the lab boots: one initramfs for the host, one for
the guest.  Both are busybox, the lab's agent and a few scripts."""

import lzma
import pathlib
import shutil
import subprocess
import tempfile

import build
import cpio
import kernels
import paths
import ui

BUSYBOX = "/bin/busybox"

INITTAB = """\
::sysinit:/lab/rc
::once:/lab/start
::ctrlaltdel:/bin/poweroff -f
::shutdown:/bin/umount -a
"""

PROFILE = """\
export PATH=/lab/bin:/sbin:/bin HOME=/root TERM=${TERM:-linux}
PS1='cvm-%s:\\w# '
cd /root
"""

RC = """\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /dev/shm
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
hostname %s
ip link set lo up 2>/dev/null
for m in $(cat /lab/modules 2>/dev/null); do
	insmod /lab/ko/$m || echo "lab: cannot load $m" >/dev/kmsg
done
[ ! -e /lab/drivers ] || /lab/drivers
# QEMU's network for the host, if the machine has it (machine.py).
if grep -q cvm.network /proc/cmdline; then
	ip addr add 10.1.2.15/24 dev eth0
	ip link set eth0 up
	ip route add default via 10.1.2.2
	echo nameserver 10.1.2.3 >/etc/resolv.conf
fi
"""

# What the kernel has as modules: the bus, whose devices are there when both its
# parts are loaded (virtio_late.c), then what is on it.
DRIVERS = """\
#!/bin/sh
modprobe -q virtio_ring
modprobe -q virtio
for f in /sys/bus/virtio/devices/*/modalias; do
	[ ! -e $f ] || modprobe -q $(cat $f)
done
"""

# For a kernel that has its disks' drivers as modules, and a root on a disk.
ROOT_INIT = """\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
/lab/drivers
mode=ro
for word in $(cat /proc/cmdline); do
	case $word in
	root=*) root=${word#root=};;
	ro|rw) mode=$word;;
	esac
done
case $root in
PARTUUID=*) root=$(echo $root | tr A-F a-f | sed s/.*=/PARTUUID=/);;
esac
mount -t ext4 -o $mode $(/sbin/findfs $root) /new || exit
mount --move /dev /new/dev
umount /proc /sys
init=/sbin/init
[ -L /new$init ] || [ -e /new$init ] || init=/bin/init
exec switch_root /new $init
"""

# The agent must stay: without it nobody can tell the machine anything.
HOST_START = """\
#!/bin/sh
export PATH=/lab/bin:/sbin:/bin HOME=/root TERM=linux
cd /root
n=0
while [ ! -c "$port" ] && [ $n -lt 200 ]; do
	for f in /sys/class/virtio-ports/*; do
		[ "$(cat $f/name 2>/dev/null)" = cvm.lab ] &&
			port=/dev/${f##*/}
	done
	usleep 50000
	n=$((n + 1))
done
/lab/agent serve $port
echo "lab: agent ended" >/dev/kmsg
poweroff -f
"""

# A machine that only runs a script and tells its console.  Its generator of
# random numbers is made ready first: a kernel does that when it is first asked,
# by keeping a CPU busy, and until then a fork costs more.
AUTO_START = """\
#!/bin/sh
export PATH=/lab/bin:/sbin:/bin HOME=/root TERM=linux
cd /root
dmesg -n 1
head -c 1 /dev/random >/dev/null
echo "@lab begin" >/dev/console
/lab/auto </dev/null >/dev/console 2>&1
echo "@lab end $?" >/dev/console
poweroff -f
"""

# The guest's console is its only way out: a shell on it, or the agent.
GUEST_START = """\
#!/bin/sh
export PATH=/lab/bin:/sbin:/bin HOME=/root TERM=linux
cd /root
con=/dev/console
mode=shell
for word in $(cat /proc/cmdline); do
	case $word in
	console=*) con=/dev/${word#console=}; con=${con%,*};;
	cvm.lab=*) mode=${word#cvm.lab=};;
	cvm.term=*) export TERM=${word#cvm.term=};;
	esac
done
case $mode in
agent) /lab/agent serve $con ;;
auto) exec /lab/start-auto ;;
*) ENV=/etc/profile /lab/agent shell $con ;;
esac
poweroff -f
"""

# A Debian root as it is: this goes before it, puts the lab's things and a
# service for the agent into the new root's /run, and is gone.  A root that is
# a host's also gets /lab, where the lab's scripts look for guests.
DEBIAN_INIT = """\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
port=
for word in $(cat /proc/cmdline); do
	case $word in
	root=*) root=${word#root=};;
	cvm.agent=*) port=${word#cvm.agent=};;
	esac
done
for m in $(cat /lab/modules 2>/dev/null); do
	insmod /lab/ko/$m || echo "lab: cannot load $m" >/dev/kmsg
done
mount -t ext4 -o ro $root /new || exit
mount -t tmpfs -o mode=755,nosuid run /new/run
units=/new/run/systemd/system
mkdir -p $units/multi-user.target.wants
cp -a /lab /new/run/lab
if [ -d /lab/guest ]; then
	mount -o remount,rw /new
	ln -s run/lab /new/lab
	mkdir -p /new/usr/lib/cvm
	cp -a /usr/lib/cvm/platform /new/usr/lib/cvm
	mount -o remount,ro /new
fi
if [ "$port" ]; then
	sed "s:PORT:$port:" /lab-agent.service >$units/lab-agent.service
	ln -s ../lab-agent.service $units/multi-user.target.wants
	ln -s /dev/null $units/serial-getty@hvc0.service
fi
mount --move /dev /new/dev
umount /sys
umount /proc
exec switch_root /new /sbin/init
"""

# The network is up before the first command comes.
DEBIAN_AGENT = """\
[Unit]
Description=the lab's agent
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/run/lab/agent serve PORT
Environment=HOME=/root TERM=linux PATH=%s
WorkingDirectory=/root
""" % ":".join(("/run/lab/bin", "/usr/local/sbin", "/usr/local/bin",
                "/usr/sbin", "/usr/bin", "/sbin", "/bin"))


def _base():
    """Busybox, and where it mounts things."""
    tree = cpio.Archive()
    with open(BUSYBOX, "rb") as handle:
        tree.file("bin/busybox", handle.read(), 0o755)
    applets = subprocess.check_output([BUSYBOX, "--list"]).decode().split()
    for name in applets:
        if name != "busybox":
            tree.symlink("bin/" + name, "busybox")
    for name in ("proc", "sys", "dev", "tmp", "run", "root", "sbin",
                 "lab/bin"):
        tree.mkdir(name)
    tree.chardev("dev/console", 5, 1)
    tree.chardev("dev/null", 1, 3)
    tree.file("lab/agent", build.agent().read_bytes(), 0o755)
    return tree


def _system(kind, start):
    """A system that is busybox's, host or guest."""
    tree = _base()
    tree.symlink("init", "bin/busybox")
    tree.symlink("sbin/poweroff", "../bin/busybox")
    tree.symlink("sbin/reboot", "../bin/busybox")
    tree.symlink("sbin/halt", "../bin/busybox")
    tree.file("etc/inittab", INITTAB)
    tree.file("etc/profile", PROFILE % kind)
    tree.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
                            "nobody:x:65534:65534:nobody:/:/bin/sh\n")
    tree.file("etc/group", "root:x:0:\n")
    tree.file("lab/rc", RC % kind, 0o755)
    tree.file("lab/start", start, 0o755)
    return tree


def _debian():
    """What goes before a Debian root."""
    tree = _base()
    tree.mkdir("new")
    tree.file("init", DEBIAN_INIT, 0o755)
    tree.file("lab-agent.service", DEBIAN_AGENT)
    return tree


def _module_deps(kernel, wanted):
    """Modules to insert, in order, each with the file that holds it.  Kernels
    that have one built in do not list it."""
    files = {}
    for path in kernel.modules.rglob("*.ko*"):
        files[path.name.split(".ko")[0].replace("-", "_")] = path
    order = []

    def visit(name):
        path = files.get(name)
        if path is None or path in order:
            return
        for dep in _modinfo_depends(_module_data(path)):
            visit(dep.replace("-", "_"))
        order.append(path)

    for name in wanted:
        visit(name)
    return order


def _module_data(path):
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _modinfo_depends(data):
    for field in data.split(b"\0"):
        if field.startswith(b"depends="):
            return [d for d in field[8:].decode().split(",") if d]
    return []


def program(tree, name, path):
    """A program and its shared libraries, each where it is on this machine:
    libslirp is not to be had for static linking."""
    tree.file(name, path.read_bytes(), 0o755)
    for library in build.libraries(path):
        tree.file(str(library)[1:], library.read_bytes(), 0o755)


HOST_MODULES = ("virtio_pci", "virtio_console", "msr")
# A host that is Debian has no modules of its own kernel on its disk.
DEBIAN_MODULES = ("virtio_blk", "ext4", "autofs4", "binfmt_misc",
                  "configfs", "fuse", "tun")


# What guests of the suites have: a stock kernel's are modules, and its small
# system loads them when they are asked for.
GUEST_MODULES = ("virtio_ring", "virtio_blk", "virtio_net", "virtio_console",
                 "virtio_rng", "ext4", "isofs", "loop")


def _load(tree, kernel, wanted, driver=None):
    """The modules, the driver last, and their order."""
    names = []
    for path in _module_deps(kernel, wanted):
        name = path.name.split(".ko")[0] + ".ko"
        tree.file("lab/ko/" + name, _module_data(path))
        names.append(name)
    if driver:
        tree.file("lab/ko/cvm.ko", driver.read_bytes())
        names.append("cvm.ko")
    tree.file("lab/modules", "\n".join(names) + "\n")


def _offer(tree, kernel, wanted):
    """The modules as modprobe and the kernel look for them, with what depmod
    says of them."""
    if not kernel.modules:
        return
    tree.file("lab/drivers", DRIVERS, 0o755)
    tree.symlink("sbin/modprobe", "../bin/busybox")
    home = "lib/modules/" + kernel.release
    with tempfile.TemporaryDirectory(prefix="cvm-modules-") as name:
        where = pathlib.Path(name) / home
        (where / "kernel").mkdir(parents=True)
        for path in _module_deps(kernel, wanted):
            (where / "kernel" / (path.name.split(".ko")[0] + ".ko")
             ).write_bytes(_module_data(path))
        for path in kernel.modules.glob("modules.builtin*"):
            shutil.copy(path, where)
        (where / "modules.order").touch()
        ui.run(["depmod", "-b", name, kernel.release])
        for path in [*(where / "kernel").iterdir(),
                     *(where / ("modules." + word) for word in
                       ("dep", "alias", "symbols"))]:
            tree.file("%s/%s" % (home, path.relative_to(where)),
                      path.read_bytes())


def host_system(kernel, driver, modules=(), auto=None):
    """The host's initramfs without guest kernels; driver is cvm.ko's path.
    With auto, a script, it runs that instead of the agent."""
    tree = _system("host", AUTO_START if auto else HOST_START)
    if auto:
        tree.file("lab/auto", auto, 0o755)
    wanted = ("msr",) if auto else HOST_MODULES
    _load(tree, kernel, wanted + tuple(modules), driver)
    program(tree, "lab/bin/cvmctl", build.cvmctl())
    return tree


def guest_system(kernel, auto=None, modules=()):
    """The guest's initramfs; auto is the script of cvm.lab=auto, modules are
    more that it can load."""
    tree = _system("guest", GUEST_START)
    tree.file("lab/start-auto", AUTO_START, 0o755)
    if auto:
        tree.file("lab/auto", auto, 0o755)
    _offer(tree, kernel, GUEST_MODULES + tuple(modules))
    return tree


def root_initrd(kernel):
    """What a guest with its root on a disk takes beside its kernel: bytes,
    None where the kernel mounts it."""
    if not kernel.modules:
        return None
    tree = _base()
    tree.mkdir("new")
    tree.file("init", ROOT_INIT, 0o755)
    program(tree, "sbin/findfs", pathlib.Path("/sbin/findfs"))
    _offer(tree, kernel, ("virtio_ring", "virtio_blk", "ext4"))
    return tree.bytes()


def _debian_guest_system(kernel):
    """What goes before a guest's Debian."""
    tree = _debian()
    if kernel.modules:
        _load(tree, kernel, GUEST_MODULES + DEBIAN_MODULES)
    return tree


def debian_host_system(kernel, driver, modules=()):
    """What goes before a host's Debian; the Debian has cvmctl's libraries."""
    tree = _debian()
    _load(tree, kernel, HOST_MODULES + DEBIAN_MODULES + tuple(modules),
          driver)
    tree.file("lab/bin/cvmctl", build.cvmctl().read_bytes(), 0o755)
    return tree


def guest_initrd(kernel, debian=False):
    """The guest's initramfs, or what goes before its Debian, as a cached
    file."""
    source = paths.content_hash(
        [build.agent(), paths.LAB / "images.py", paths.LAB / "cpio.py"],
        debian, kernel.release if kernel.modules else "")
    path = paths.CACHE / "guest-initrd" / (source + ".cpio")
    with ui.locked(path):
        if not path.exists():
            tree = _debian_guest_system(kernel) if debian else \
                guest_system(kernel)
            _write(path, tree.bytes())
    return path


def guest_disk(kernel, mib):
    """The guest's system as an ext4 file system, to be the root of one."""
    with tempfile.TemporaryDirectory() as where:
        tree = pathlib.Path(where) / "tree"
        tree.mkdir()
        # devtmpfs has the devices, which only root could make here.
        ui.run(["sh", "-c", "cd $1 && cpio -id --quiet -f 'dev/*' <$2", "-",
                tree, guest_initrd(kernel)])
        image = pathlib.Path(where) / "image"
        ui.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, image,
                "%dM" % mib])
        return image.read_bytes()


def windows_zip():
    """The archive for Windows: driver, cvmctl.exe, Debian's kernels, their
    platform, initrd."""
    stock = [kernels.guest(name) for name in kernels.STOCK]
    return build.windows_zip(
        [kernel.image for kernel in stock],
        [build.platform_object(kernel.debian, kernels.series(kernel.name))
         for kernel in stock], guest_initrd(stock[0]))


def _write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.rename(path)
