# SPDX-License-Identifier: GPL-2.0-only
"""Guests in the background: their consoles, the window's size, serial lines
that end in files, sockets and terminals, how guests are ended."""

import json
import re

import build
import guest
import inside
import kernels
import machine
import paths

REFUSED, ENDED = 1, 5
DETACH = b"\x1d"
SIZE = (31, 117)


class Screen:
    """A user at a terminal of the host, with a program on it."""

    def __init__(self, host, words):
        self.host = host
        self.text = b""
        self.proc = host.spawn(words.split(), tty=SIZE, stdout=self._see)

    def _see(self, data):
        self.text += data

    def type(self, data):
        self.proc.write(data if isinstance(data, bytes) else data.encode())

    def expect(self, text, limit=120):
        """Wait until text appears behind what was expected before; what came
        before it."""
        want = text.encode()
        self.host.wait(lambda: want in self.text, "%r, not %r" % (
            text, self.text[-300:]), limit)
        before, _, self.text = self.text.partition(want)
        return before.decode("utf-8", "replace")

    def sh(self, script, limit=120):
        """Output of a shell line typed at the guest's prompt."""
        self.type("echo =''begin; %s; echo =''end\n" % script)
        self.expect("=begin\r\n", limit)
        return self.expect("=end\r\n", limit).replace("\r\n", "\n")

    def leave(self):
        """Detach; the exit status."""
        self.type(DETACH)
        return self.ended()

    def ended(self):
        self.host.wait(lambda: self.proc.status is not None,
                       "the terminal's program to end", 120)
        return self.proc.status


def _cvmctl(host, words):
    return host.run(["cvmctl"] + words.split(), limit=180)


def _start_line(name, kernel):
    """Everything behind the verb."""
    return "--name %s --kernel %s --initrd %s --mem 128 --cmdline " \
        "console=hvc0" % (name, machine.guest_file(kernel),
                          machine.guest_initrd(kernel))


def _refuses(t, host, words, said, what):
    proc = _cvmctl(host, words)
    text = proc.err.decode("utf-8", "replace").strip()
    t.check(proc.status == REFUSED and "\n" not in text and said in text,
            "%s: \"%s\"" % (what, text), "status %d" % proc.status)


def _names(host):
    return [vm["name"] for vm in json.loads(host.sh("cvmctl list --json"))]


def _left(host):
    return host.sh("ls /run/cvm").split()


def _start(t, host):
    proc = _cvmctl(host, "start " + _start_line("web", t.guest))
    t.equal((proc.status, proc.out, proc.err), (0, b"", b""),
            "start: returns at once, and says nothing")
    vm = json.loads(host.sh("cvmctl list --json"))[0]
    t.equal((vm["name"], vm["state"]), ("web", "running"), "list: it runs")
    t.equal(host.sh("ps -o pid,tty,sid | awk '$1 == %d { print $2, $3 }'" %
                    vm["pid"]).split(), ["?", str(vm["pid"])],
            "start: its process has no terminal and a session of its own")
    t.equal(host.sh("stat -c %a /run/cvm /run/cvm/web.sock").split(),
            ["700", "600"], "start: the socket is for its owner alone")
    _refuses(t, host, "start " + _start_line("web", t.guest), "of this name",
             "a second one of this name")
    t.equal(_names(host), ["web"],
            "and the VM that has the name is not disturbed")


def _attach(t, host):
    first = Screen(host, "cvmctl console web")
    first.expect("cvm-guest:~# ")
    t.check("web" in first.sh("echo w''eb"), "console: typed, and answered")
    t.equal(first.sh("stty size").split(), [str(n) for n in SIZE],
            "the guest's terminal has the size of ours")
    first.type("(trap 'stty size; exit' WINCH; echo wait''ing; while :; do "
               "sleep 1; done)\n")
    first.expect("waiting")
    first.proc.resize(44, 99)
    first.expect("44 99\r\n")
    t.check(True, "programs of the guest are told when the size changes")
    _refuses(t, host, "console web", "another terminal is attached: process",
             "a second terminal")
    t.equal(first.leave(), 0, "the detach key: status 0")
    second = Screen(host, "cvmctl console web")
    second.expect("44 99")
    t.check("web" in second.sh("echo w''eb"),
            "console again: earlier output is shown, and typing works")
    t.equal(second.sh("stty size").split(), [str(n) for n in SIZE],
            "console again: the guest's terminal has the new window's size")
    t.equal(second.leave(), 0, "console again: detached with status 0")


def _stats(t, host):
    told = json.loads(host.sh("cvmctl stats --json web"))["devices"]
    t.check(set(told["rng"]) >= {"doorbells", "interrupts"},
            "stats: what each device did", told)


def _end(t, host):
    proc = _cvmctl(host, "stop --wait web")
    t.equal((proc.status, _names(host)), (0, []), "stop --wait: it is off")
    t.equal(host.sh("cat /run/cvm/web.log"), "cvmctl: web: powered off\n",
            "stop: the log says how the VM ended")
    t.equal(_left(host), ["web.log"], "stop: nothing but the log is left")
    host.sh("cvmctl start " + _start_line("web", t.guest))
    proc = _cvmctl(host, "kill --wait web")
    t.equal((proc.status, _names(host)), (0, []), "kill --wait: it is gone")
    t.equal(host.sh("cat /run/cvm/web.log; rm /run/cvm/web.log"),
            "cvmctl: web: killed\n", "kill: the log says how the VM ended")


def _from_run(t, host):
    """A terminal that started its guest, left, and another that comes."""
    first = Screen(host, "cvmctl run " + _start_line("web", t.guest))
    first.expect("cvm-guest:~# ")
    t.equal(first.leave(), 0, "run, detached: status 0")
    second = Screen(host, "cvmctl console web")
    second.expect("cvm-guest:~# ")
    host.sh("cvmctl kill web")
    t.equal(second.ended(), ENDED, "console, killed meanwhile: status 5")


def _other_kernel(t, host):
    """The same platform code and another kernel's driver."""
    other = t.guests[-1]
    host.sh("cvmctl start %s ttys0=console" % _start_line("web", other))
    user = Screen(host, "cvmctl console web")
    user.expect("cvm-guest:~# ")
    t.equal(user.sh("uname -r | cut -d . -f 1-2; cat /sys/class/virtio-ports/*/"
                    "name; stty size").split(),
            [kernels.series(other), "ttys0"] + [str(n) for n in SIZE],
            other + ": its port's name, and the window's size")
    user.type("setsid sh -i <>/dev/hvc1 >&0 2>&1 &\n")
    port = Screen(host, "cvmctl console web ttys0")
    port.expect("# ")
    t.equal(port.sh("stty size").split(), [str(n) for n in SIZE],
            other + ": a shell on its port, and the size there")
    t.equal(user.leave(), 0, other + ": detached with status 0")
    host.sh("cvmctl kill --wait web")
    t.equal(port.ended(), ENDED, other + ": killed, its port's terminal is "
            "told")
    host.sh("rm -f /run/cvm/*")


def _refusals(t, host):
    line = _start_line("web", t.guest).replace("128", "65536")
    _refuses(t, host, "start " + line, "65536 MiB", "start with too much memory")
    _refuses(t, host, "start @/no/such", "/no/such", "start of no file")
    _refuses(t, host, "console nobody", "nobody", "the console of nobody")
    _refuses(t, host, "stop nobody", "nobody", "stop of nobody")
    t.equal((_names(host), _left(host)), ([], []), "nothing is left behind")


# -- ports ------------------------------------------------------------------

BYTES = 65536
CONFIG = "/tmp/ports.conf"
PEER = "/lab/bin/peer"
MINE = "/tmp/mine"		# what each side sends


def _configure(host, *words):
    host.sh("cat >%s <<'END'\n%s\nEND" % (CONFIG, "\n".join(words)))


def _sha(kernel, path):
    return kernel.sh("sha256sum " + path).split()[0]


def _both_ways(t, host, inner, hvc, path, what):
    """64 KiB each way at the same time."""
    there = inner.spawn(["sh", "-c", "exec 3<>/dev/%s; stty raw -echo <&3; "
                         "echo ready; cat %s >&3 & head -c %d <&3 | sha256sum;"
                         " wait" % (hvc, MINE, BYTES)])
    host.wait(lambda: b"ready" in there.out, "the guest to listen", 60)
    host.sh("%s %s %d <%s >/tmp/got" % (PEER, path, BYTES, MINE), limit=120)
    inner.wait(there, 120)
    t.equal((there.out.split()[1].decode(), _sha(host, "/tmp/got")),
            (_sha(host, MINE), _sha(inner, MINE)),
            "%s: 64 KiB both ways, equal" % what)


def _shell(t, host, inner, hvc, pts):
    """A shell on a port that is a terminal there."""
    there = inner.spawn(["setsid", "sh", "-c", "exec sh -i <>/dev/%s >&0 "
                         "2>&0" % hvc])
    user = Screen(host, "microcom " + pts)
    user.type("\n")
    user.expect("# ")
    user.type("echo $((6 * 7))-$(tty)\n")
    user.expect("42-/dev/" + hvc)
    t.check(True, "pty: a shell of the guest, typed at from the host")
    user.type("exit\n")
    inner.wait(there, 60)
    user.proc.signal(15)
    user.ended()


def _kept(t, host, inner, hvc, path, what):
    """What is printed to nobody waits for somebody."""
    inner.sh("echo nobody-there >/dev/" + hvc)
    host.sh("%s %s 14 </dev/null >/tmp/got" % (PEER, path), limit=60)
    t.check("nobody-there" in host.sh("cat /tmp/got"),
            "%s: output to nobody is kept for the first who connects" % what)


def _file(t, host, inner, hvc, path):
    inner.sh("exec 3<>/dev/%s; stty raw -echo <&3; cat %s >&3" % (hvc, MINE))
    t.equal(host.sh("tail -c +8 %s | sha256sum" % path).split()[0],
            _sha(inner, MINE), "file: 64 KiB put at its end")
    t.equal(host.sh("head -n 1 " + path), "before\n",
            "file: what it held is kept")


def _serial(t, host, inner, hvc, line):
    inner_end = inner.spawn(["sh", "-c", "exec 3<>/dev/%s; stty raw -echo <&3;"
                             "echo to-the-line >&3; head -c 13 <&3" % hvc])
    line.expect("to-the-line")
    line.type("from-the-line")
    inner.wait(inner_end, 60)
    t.equal(inner_end.out, b"from-the-line", "serial line: both ways")
    t.check("speed 9600 baud" in host.sh("stty -F " + line.path),
            "serial line: its mode was set")


def _terminal(t, host, inner, hvc, port):
    there = inner.spawn(["setsid", "sh", "-c", "exec sh -i <>/dev/%s >&0 "
                         "2>&0" % hvc])
    first = Screen(host, "cvmctl console ports " + port)
    first.expect("# ")
    t.equal(first.sh("stty size").split(), [str(n) for n in SIZE],
            "console port: a terminal, and its size")
    first.type("echo mar''ker\n")
    first.expect("marker")
    t.equal(first.leave(), 0, "console port: left")
    again = Screen(host, "cvmctl console ports " + port)
    again.expect("marker")
    again.type("exit\n")
    inner.wait(there, 60)
    t.equal(again.leave(), 0, "console port: come to again, and shown what was"
            " printed")


def _printed(host, port):
    told = json.loads(host.sh("cvmctl stats --json ports"))
    return told["devices"][port]["bytes_out"]


def _until_stuck(host, port, before):
    """Until the guest has printed what we keep for it, and for two seconds
    prints no more; how much it was."""
    last, now = None, before
    for _ in range(100):
        if now == last and now - before > BYTES:
            break
        host.sh("sleep 2")
        last, now = now, _printed(host, port)
    return now - before


def _slow(t, host, inner, hvc, path):
    """A reader that stops: the guest waits, nothing is lost, nor stuck."""
    size = 4 * BYTES
    before = _printed(host, "ttys1")
    inner.sh("head -c %d /dev/urandom >/tmp/much" % size)
    want = _sha(inner, "/tmp/much")
    reader = host.spawn(["sh", "-c", "%s %s %d </dev/null >/tmp/got" %
                         (PEER, path, size)])
    host.sh("until pidof peer; do usleep 10000; done; kill -STOP $(pidof peer)")
    there = inner.spawn(["sh", "-c", "exec 3<>/dev/%s; stty raw -echo <&3; "
                         "cat /tmp/much >&3" % hvc])
    printed = _until_stuck(host, "ttys1", before)
    t.check(there.status is None and BYTES < printed < size,
            "a reader that stops: the guest waits, its process answers",
            "%d bytes" % printed)
    host.sh("kill -CONT $(pidof peer)")
    inner.wait(there, 120)
    host.wait(lambda: reader.status is not None, "the reader to end", 60)
    t.equal(_sha(host, "/tmp/got"), want,
            "the reader goes on: 256 KiB, none lost")
    reader = host.spawn(["sh", "-c", "%s %s %d </dev/null >/tmp/got" %
                         (PEER, path, size)])
    host.sh("until pidof peer; do usleep 10000; done; kill -STOP $(pidof peer)")
    before = _printed(host, "ttys1")
    inner.spawn(["sh", "-c", "cat /tmp/much >/dev/" + hvc])
    _until_stuck(host, "ttys1", before)
    proc = _cvmctl(host, "kill --timeout 20 ports")
    t.equal(proc.status, 0, "killed while it waits: it is gone")
    host.sh("kill -KILL $(pidof peer)")
    host.wait(lambda: reader.status is not None, "the reader to end", 60)


class Line(Screen):
    """A pseudo terminal in place of a serial line; nobody reads it but us."""

    def __init__(self, host):
        super().__init__(host, "sleep 3000")
        self.path = host.sh("until pid=$(pidof sleep); do usleep 10000; done; "
                            "readlink /proc/$pid/fd/0").strip()


PORTS = "ttys0=pty ttys1=socket:port.sock ttys2=file:/tmp/port.out " \
    "ttys5=console ttys7=%s,\"BAUD=9600 PARITY=n DATA=8 STOP=1\""


def _ports(t, host):
    line = Line(host)
    _configure(host, PORTS % line.path)
    host.sh("echo before >/tmp/port.out; head -c %d /dev/urandom >%s" % (
        BYTES, MINE))
    with guest.Guest(host, name="ports", extra=("--config", CONFIG)) as inner:
        inner.sh("head -c %d /dev/urandom >%s" % (BYTES, MINE))
        t.equal(inner.sh("cat /sys/class/virtio-ports/*/name").split(),
                ["ttys0", "ttys1", "ttys2", "ttys5", "ttys7"],
                "the guest knows its ports by name")
        told = re.search(rb"ttys0 is (/dev/pts/\d+)", inner.err)
        t.check(told, "the name of the pty is told", inner.err)
        pts = told[1].decode()
        _refuses(t, host, "console ports ttys0", "it is the pty " + pts,
                 "a port that is no console")
        _refuses(t, host, "console ports ttys9", "no such port",
                 "a port that does not exist")
        _refuses(t, host, "console ports", "files or pipes of process",
                 "a console that is a pipe")
        _kept(t, host, inner, "hvc1", pts, "pty")
        _both_ways(t, host, inner, "hvc1", pts, "pty")
        _shell(t, host, inner, "hvc1", pts)
        _kept(t, host, inner, "hvc2", "/tmp/port.sock", "socket")
        _both_ways(t, host, inner, "hvc2", "/tmp/port.sock", "socket")
        _file(t, host, inner, "hvc3", "/tmp/port.out")
        _terminal(t, host, inner, "hvc4", "ttys5")
        _serial(t, host, inner, "hvc5", line)
        inside.clean(t, inner.sh("dmesg"), "the guest's log is clean")
        _slow(t, host, inner, "hvc2", "/tmp/port.sock")
        inner.ended()
    t.equal(host.sh("ls /tmp/port.sock 2>/dev/null || true"), "",
            "the socket is gone with its VM")
    line.proc.signal(15)
    line.ended()
    host.sh("rm -f /run/cvm/*")


def _bad_ports(t, host):
    for word, said in (
            ("ttys0=/no/line", "/no/line: No such file"),
            ("ttys0=/tmp/ports.conf", "this is no serial line"),
            ("ttys0=/dev/ttyS0,BAUD=7", "BAUD=7: no mode of a line"),
            ("ttys0=socket:/no/dir/s", "/no/dir/s: No such file"),
            ("ttys0=socket:/tmp/ports.conf", "ports.conf: File exists"),
            ("ttys0=socket:/tmp/left ttys1=/no/line", "/no/line: No such"),
            ("ttys0=file:/tmp", "/tmp: "),
            ("ttys0=file:", "no path given"),
            (" ".join("ttys%d=pty" % n for n in range(8)),
             "ttys7: too many (a guest has at most 7)")):
        _configure(host, "kernel=" + machine.guest_file(t.guest), "mem=64",
                   word)
        _refuses(t, host, "start --name web @" + CONFIG, said, word[:40])
    t.equal((_names(host), _left(host), host.sh("ls /tmp | grep left || true")),
            ([], [], ""), "nothing is left behind")


# Each host has its part; other suites use the verbs on both.
PARTS = {"6.12": (_ports, _bad_ports, _other_kernel, _refusals),
         "6.1": (_start, _attach, _stats, _end, _from_run)}


def run(t):
    files = {PEER[1:]: build.static_program(
        paths.PROGRAMS / "peer.c").read_bytes()}
    for version, parts in PARTS.items():
        t.info("host %s" % version)
        options = machine.Options(host=version, guest=t.guest,
                                  guests=t.guests, files=files)
        with machine.Machine(options) as host:
            for part in parts:
                part(t, host)
            inside.pages_back(t, host, "all pages came back")
            inside.clean(t, host.sh("dmesg"), "the host's log is clean")
