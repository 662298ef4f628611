# SPDX-License-Identifier: GPL-2.0-only
"""The disposable machine: QEMU with a Debian host kernel and our initramfs,
and the agent in it.  Nothing of it outlives the lab."""

import json
import os
import pathlib
import select
import shutil
import socket
import subprocess
import tempfile
import time

import accel
import build
import children
import debian
import frames
import images
import kernels
import paths
import ui

BOOT_SECONDS = 180
DEBIAN_SECONDS = 900
HANG_SECONDS = 300
def guest_dir(guest):
    """Where a guest kernel lies inside the host, with what belongs to it."""
    return "/lab/guest/" + guest


def guest_file(guest):
    return "%s/%s" % (guest_dir(guest),
                      "vmlinuz" if kernels.stock(guest) else "vmlinux")


def guest_initrd(guest):
    return guest_dir(guest) + "/initrd"


def add_guest(tree, name, config, initrd, of_series=False):
    """A guest kernel and what it takes to start it; initrd is a file's
    contents.  of_series: its platform object is the one of its series."""
    kernel = kernels.guest(name, config)
    tree.file(guest_file(name), kernel.image.read_bytes())
    tree.file(guest_initrd(name), initrd)
    for path, data in kernel.files(of_series).items():
        tree.file(path[1:], data)
    return kernel


# TCG takes a string instruction apart byte by byte, so kernels should clear
# and copy by words: a quarter less for a boot of host and guest.
MODELS = {"kvm": "host", "tcg": "max,erms=off,fsrm=off"}


class Options:
    """What a machine is made of; the command line's defaults."""

    def __init__(self, **given):
        self.host = "6.12"
        self.guest = kernels.DEFAULT
        self.cpus = 1
        self.host_mem = 1024
        self.mem = 256
        self.cpu = None
        self.accel = None
        self.config = "tiny"
        self.guests = None	# which lie in the machine; if not told, guest
        self.of_series = False	# with the platform object of their series
        self.driver = True
        self.append = ""
        self.guest_append = ""
        self.root = None	# a Debian disk of the guest, as it names it
        self.disks = ()		# images; what a run writes is forgotten
        self.debian_host = False	# the host's root is on a disk
        self.host_root = "/dev/vda"	# which one, then
        self.network = False	# QEMU's, for the host
        self.files = {}
        self.modules = ()
        self.qemu = ()
        for name, value in given.items():
            if not hasattr(self, name):
                raise TypeError(name)
            setattr(self, name, value)
        if self.guests is None:
            self.guests = (self.guest,)


class Machine:
    def __init__(self, options):
        self.options = options
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cvm-lab-"))
        self.log = self.dir / "serial.log"
        self.channel = frames.Channel(self._transmit)
        self._out = b""
        self._sock = None
        self._qemu = None
        self._watch = []
        self.last_words = None
        self.failed = False

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc):
        self.stop()

    # -- start and stop ---------------------------------------------------

    def _initrd(self, kernel):
        opts = self.options
        driver = build.driver(kernel) if opts.driver else None
        modules = opts.modules
        if opts.disks:
            modules += ("virtio_blk",)
        if opts.network:
            modules += ("virtio_net",)
        system = (images.debian_host_system if opts.debian_host else
                  images.host_system)
        tree = system(kernel, driver, modules)
        for name in opts.guests:
            guest = kernels.guest(name, opts.config)
            add_guest(tree, name, opts.config, images.guest_initrd(
                guest, opts.root is not None).read_bytes(), opts.of_series)
        for name, data in opts.files.items():
            tree.file(name, data, 0o755)
        path = self.dir / "initrd"
        path.write_bytes(tree.bytes())
        return path

    def _append(self):
        """The host's command line."""
        opts = self.options
        words = ["console=ttyS0 panic=-1"]
        if opts.debian_host:
            words.append("root=%s systemd.show_status=1 "
                         "cvm.agent=/dev/virtio-ports/cvm.lab" %
                         opts.host_root)
        elif opts.network:
            words.append("cvm.network")
        return " ".join(words + [opts.append])

    def _devices(self):
        """Disks and network of the host."""
        argv = []
        for number, disk in enumerate(self.options.disks):
            argv += ["-drive", "if=none,id=disk%d,format=raw,snapshot=on,"
                     "discard=unmap,file=%s" % (number, disk),
                     "-device", "virtio-blk-pci,drive=disk%d" % number]
        if self.options.network:
            argv += ["-netdev", "user,id=net,ipv6=off,net=10.1.2.0/24,"
                     "dns=10.1.2.3", "-device", "virtio-net-pci,netdev=net"]
        return argv

    def _argv(self, kernel, initrd):
        opts = self.options
        kind = opts.accel or accel.choose(kernel)
        model = opts.cpu or MODELS[kind]
        threads = ",thread=multi" if kind == "tcg" and opts.cpus > 1 else ""
        return ["qemu-system-x86_64", "-M", "q35", "-accel", kind + threads,
                "-cpu", model, "-smp", str(opts.cpus),
                "-m", str(opts.host_mem), "-nodefaults", "-display", "none",
                "-no-reboot", "-kernel", str(kernel.image),
                "-initrd", str(initrd),
                "-append", self._append(),
                "-serial", "file:%s" % self.log,
                "-qmp", "unix:%s,server=on,wait=off" % (self.dir / "qmp"),
                "-device", "virtio-serial-pci",
                "-chardev", "socket,id=lab,server=on,wait=off,path=%s"
                % (self.dir / "agent"),
                "-device", "virtserialport,chardev=lab,name=cvm.lab",
                *self._devices(), *opts.qemu]

    def start(self):
        kernel = debian.host_kernel(self.options.host)
        initrd = self._initrd(kernel)
        self.log.touch()
        self._errors = open(self.dir / "qemu.err", "wb")
        self._qemu = subprocess.Popen(
            self._argv(kernel, initrd), stdin=subprocess.DEVNULL,
            stdout=self._errors, stderr=self._errors,
            env=dict(os.environ, TMPDIR=str(self.dir)),
            preexec_fn=children.die_with_parent, start_new_session=True)
        self._sock = self._connect("agent")
        if self.options.debian_host:
            with ui.waiting("the host boots from its disk", self.serial) as tick:
                self.watch(tick)
                self._wait_for_agent(DEBIAN_SECONDS)
                self.unwatch(tick)
        else:
            self._wait_for_agent(BOOT_SECONDS)
        initrd.unlink()

    def _wait_for_agent(self, limit):
        self.wait(lambda: self.channel.hello, "the host to boot", limit)

    def _connect(self, name):
        sock = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 30 * paths.PATIENCE
        while True:
            try:
                sock.connect(str(self.dir / name))
                return sock
            except OSError:
                if self._qemu.poll() is not None or time.monotonic() > end:
                    raise self.failure("QEMU did not start")
                time.sleep(0.05)

    def ended(self, limit=60):
        """Wait until QEMU has ended by itself."""
        self._qemu.wait(limit * paths.PATIENCE)

    def stop(self):
        if self._sock:
            self._sock.close()
            self._sock = None
        if self._qemu:
            self._qemu.kill()
            self._qemu.wait()
            self._qemu = None
            self._errors.close()
        if self.dir.exists():
            self.last_words = self.serial()
            shutil.rmtree(self.dir, ignore_errors=True)

    # -- what went wrong --------------------------------------------------

    def serial(self):
        """The host's console so far."""
        try:
            return self.log.read_bytes().decode("utf-8", "replace")
        except OSError:
            return self.last_words or ""

    def failure(self, what):
        self.failed = True
        text = self.serial()
        try:
            text += (self.dir / "qemu.err").read_text(errors="replace")
        except OSError:
            pass
        return ui.LabError("%s: %s" % (what, ui.reason(text)),
                           "the end of the host's console:\n" +
                           (ui.tail(text) or "(nothing)"))

    # -- the event loop ---------------------------------------------------

    def _transmit(self, data):
        self._out += data

    def watch(self, check):
        """check(now) is called all the time and raises when hung."""
        self._watch.append(check)

    def unwatch(self, check):
        self._watch.remove(check)

    def turn(self, seconds=0.2, also=()):
        """Move bytes once; returns those of `also` that are readable."""
        writers = [self._sock] if self._out else []
        ready, can_write, _ = select.select([self._sock, *also], writers, [],
                                            seconds)
        if can_write:
            sent = self._sock.send(self._out[:65536])
            self._out = self._out[sent:]
        if self._sock in ready:
            data = self._sock.recv(262144)
            if not data:
                self._qemu.wait(10 * paths.PATIENCE)
                raise self.failure("the machine ended unexpectedly")
            self.channel.feed(data, time.monotonic())
        return [f for f in ready if f is not self._sock]

    def wait(self, done, what, limit=None):
        """Turn until done(); fail after `limit` seconds, on a machine that is
        not busy, or when hung."""
        begin = time.monotonic()
        limit = limit and limit * paths.PATIENCE
        while not done():
            self.turn()
            now = time.monotonic()
            if limit and now - begin > limit:
                raise self.failure("timed out after %d s, waiting for %s" % (
                    limit, what))
            self.check_alive(now)

    def check_alive(self, now):
        if self._qemu.poll() is not None:
            raise self.failure("QEMU ended with status %s" %
                               self._qemu.returncode)
        seen = self.channel.sign_of_life
        if seen and now - seen > HANG_SECONDS:
            raise self.failure("no heartbeat from the host for %d s" %
                               HANG_SECONDS)
        for check in self._watch:
            check(now)

    # -- commands ---------------------------------------------------------

    def spawn(self, argv, **how):
        return self.channel.spawn(argv, **how)

    def run(self, argv, stdin=b"", limit=600):
        """Run in the host to the end; the Process with status, out, err."""
        return run_on(self, self.channel, argv, stdin, limit)

    def sh(self, script, limit=600):
        """Output of a shell line in the host that must succeed."""
        return checked(self.run(["sh", "-c", script], limit=limit), script)

    def put(self, name, data, mode=0o755):
        script = 'mkdir -p "${0%%/*}"; cat >"$0"; chmod %o "$0"' % mode
        checked(self.run(["sh", "-c", script, name], stdin=data), name)

    def qmp(self, command, **arguments):
        """One QEMU monitor command; its return value."""
        with self._connect("qmp") as sock:
            lines = sock.makefile("rwb")
            lines.readline()
            for request in ({"execute": "qmp_capabilities"},
                            {"execute": command, "arguments": arguments}):
                lines.write(json.dumps(request).encode() + b"\n")
                lines.flush()
                while True:
                    answer = json.loads(lines.readline())
                    if "return" in answer or "error" in answer:
                        break
        if "error" in answer:
            raise ui.LabError("QEMU: %s: %s" % (command, answer["error"]))
        return answer["return"]


def run_on(machine, channel, argv, stdin, limit):
    proc = channel.spawn(argv)
    if stdin:
        proc.write(stdin)
    proc.close_stdin()
    machine.wait(lambda: proc.status is not None, " ".join(argv)[:60], limit)
    return proc


def checked(proc, what):
    if proc.status:
        said = (proc.err or proc.out).decode("utf-8", "replace")
        raise ui.LabError("%s: status %d: %s" % (
            what.strip().split("\n")[0], proc.status, ui.reason(said)),
            ui.tail(said))
    return proc.out.decode("utf-8", "replace")
