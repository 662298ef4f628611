# SPDX-License-Identifier: GPL-2.0-only
"""Guests in the background: started, listed, their consoles come to and left,
the window's size, stopped and killed."""

import json

import inside
import machine

REFUSED, ENDED = 1, 5
DETACH = b"\x1d"
SIZE = (31, 117)
LINE = "--kernel %s --initrd %s --mem 128 --cmdline console=hvc0" % (
    machine.guest_file("6.12"), machine.GUEST_INITRD)


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
        self.type("%s; echo =''=\n" % script)
        self.expect("\n")
        return self.expect("==\r\n", limit).replace("\r\n", "\n")

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
    proc = _cvmctl(host, "start --name web " + LINE)
    t.equal((proc.status, proc.out, proc.err), (0, b"", b""),
            "start: returns at once, and says nothing")
    vm = json.loads(host.sh("cvmctl list --json"))[0]
    t.equal((vm["name"], vm["state"]), ("web", "running"), "list: it runs")
    t.equal(host.sh("ps -o pid,tty,sid | awk '$1 == %d { print $2, $3 }'" %
                    vm["pid"]).split(), ["?", str(vm["pid"])],
            "its process has no terminal and a session of its own")
    t.equal(host.sh("stat -c %a /run/cvm /run/cvm/web.sock").split(),
            ["700", "600"], "its socket is for its owner alone")
    _refuses(t, host, "start --name web " + LINE, "of this name",
             "a second one of this name")
    t.equal(_names(host), ["web"], "which disturbs nobody")


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
    t.check(True, "and its programs are told when that changes")
    _refuses(t, host, "console web", "another terminal is attached: process",
             "a second terminal")
    t.equal(first.leave(), 0, "the detach key: status 0")
    second = Screen(host, "cvmctl console web")
    second.expect("44 99")
    t.check("web" in second.sh("echo w''eb"),
            "console again: what was printed is shown, and it goes on")
    t.equal(second.sh("stty size").split(), [str(n) for n in SIZE],
            "with the size of the new window")
    t.equal(second.leave(), 0, "left again")


def _stats(t, host):
    told = json.loads(host.sh("cvmctl stats --json web"))["devices"]
    t.check(set(told["rng"]) >= {"doorbells", "interrupts"},
            "stats: what each device did", told)


def _end(t, host):
    proc = _cvmctl(host, "stop --wait web")
    t.equal((proc.status, _names(host)), (0, []), "stop --wait: it is off")
    t.equal(host.sh("cat /run/cvm/web.log"), "cvmctl: web: powered off\n",
            "its log tells how it ended")
    t.equal(_left(host), ["web.log"], "and is all that is left")
    host.sh("cvmctl start --name web " + LINE)
    proc = _cvmctl(host, "kill --wait web")
    t.equal((proc.status, _names(host)), (0, []), "kill --wait: it is gone")
    t.equal(host.sh("cat /run/cvm/web.log; rm /run/cvm/web.log"),
            "cvmctl: web: killed\n", "its log tells that too")


def _from_run(t, host):
    """A terminal that started its guest, left, and another that comes."""
    first = Screen(host, "cvmctl run --name web " + LINE)
    first.expect("cvm-guest:~# ")
    t.equal(first.leave(), 0, "run, detached: status 0")
    second = Screen(host, "cvmctl console web")
    second.expect("cvm-guest:~# ")
    host.sh("cvmctl kill web")
    t.equal(second.ended(), ENDED, "console, killed meanwhile: status 5")


def _refusals(t, host):
    _refuses(t, host, "start --name web " + LINE.replace("128", "65536"),
             "65536 MiB", "start with too much memory")
    _refuses(t, host, "start @/no/such", "/no/such", "start of no file")
    _refuses(t, host, "console nobody", "nobody", "the console of nobody")
    _refuses(t, host, "stop nobody", "nobody", "stop of nobody")
    t.equal((_names(host), _left(host)), ([], []), "nothing is left behind")


def run(t):
    with machine.Machine(machine.Options(guests=("6.12",))) as host:
        _start(t, host)
        _attach(t, host)
        _stats(t, host)
        _end(t, host)
        _from_run(t, host)
        host.sh("rm -f /run/cvm/*")
        _refusals(t, host)
        inside.pages_back(t, host, "all pages came back")
        inside.clean(t, host.sh("dmesg"), "the host's log is clean")
