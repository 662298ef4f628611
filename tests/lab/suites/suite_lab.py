# SPDX-License-Identifier: GPL-2.0-only
"""The lab itself: frames on a noisy line, commands, statuses, timeouts, how it
ends."""

import contextlib
import os
import pathlib
import pty
import select
import signal
import subprocess
import tempfile
import time
import tty
import uuid

import build
import children
import frames
import kernels
import paths
import typist
import ui
import worlds

LAB = str(paths.ROOT / "tools/lab")


def _decode(data, chunk):
    texts, got = b"", []
    decoder = frames.Decoder()
    for at in range(0, len(data), chunk):
        for item in decoder.feed(data[at:at + chunk]):
            if item[0] == "text":
                texts += item[1]
            else:
                got.append(item[1:])
    return texts, got


def _frames(t):
    one = frames.encode(frames.STDOUT, 7, bytes(range(256)))
    two = frames.encode(frames.EXIT, 7, b"\0\0\0\0")
    broken = one[:100] + b"<4>kernel message\n" + one[100:]
    stream = b"noise" + one + frames.MAGIC + b"no frame" * 4 + two + broken
    want = [(frames.STDOUT, 7, bytes(range(256))),
            (frames.EXIT, 7, b"\0\0\0\0")]
    for chunk in (1, 7, len(stream)):
        texts, got = _decode(stream + b"." * 5000, chunk)
        t.equal(got, want, "frames are found among noise, %d bytes at a time"
                % chunk)
        t.check(texts.startswith(b"noise" + frames.MAGIC + b"no frame") and
                b"kernel message" in texts,
                "a torn frame becomes text, %d bytes at a time" % chunk)


def _agent(t):
    """The agent on a terminal, as it serves in the guest."""
    lab_end, agent_end = pty.openpty()
    tty.setraw(lab_end)
    agent = subprocess.Popen([build.agent(), "serve", os.ttyname(agent_end)])
    channel = frames.Channel(lambda data: os.write(lab_end, data))
    every = bytes(range(256)) * 16

    def until(done, limit=30):
        end = time.monotonic() + limit * paths.PATIENCE
        while not done() and time.monotonic() < end:
            if select.select([lab_end], [], [], 0.2)[0]:
                channel.feed(os.read(lab_end, 65536), time.monotonic())
        return done()

    try:
        t.check(until(lambda: channel.hello), "the agent says hello")
        proc = channel.spawn(["sh", "-c", "cat; echo err >&2; exit 77"])
        for _ in range(4):
            proc.write(every)
        proc.close_stdin()
        until(lambda: proc.status is not None)
        t.check(proc.out == every * 4, "every byte passes a terminal",
                "%d of %d bytes" % (len(proc.out), len(every) * 4))
        t.equal(proc.err, b"err\n", "stderr stays apart")
        t.equal(proc.status, 77, "the status is the command's")
    finally:
        agent.kill()
        agent.wait()
        os.close(lab_end)
        os.close(agent_end)


def _lab(*args, **how):
    return children.run([LAB, *args], **how)


def _host_commands(t):
    done = _lab("host", "--", "sh", "-c",
                "cat; printf 'a\\000b'; echo oops >&2; exit 124",
                input=b"in\n")
    t.equal(done.stdout, b"in\na\0b", "host: stdout is the command's alone")
    t.check(done.stderr.endswith(b"oops\n"), "host: stderr goes to stderr",
            done.stderr)
    t.equal(done.returncode, 124, "host: the status is the command's")
    done = _lab("host", "--", "sh", "-c", "echo c >/proc/sysrq-trigger")
    t.equal(done.returncode, 125, "a host that panics is the lab's failure")
    t.check(b"sysrq triggered crash" in done.stderr,
            "and the end of its console is shown", done.stderr)
    done = _lab("host", "--timeout", "20", "--", "sleep", "1000")
    t.check(done.returncode == 125 and b"timed out after 20 s" in done.stderr,
            "--timeout ends a machine", done.stderr)


def _host_terminal(t):
    with typist.Typist([LAB, "host"]) as user:
        before = user.mode()
        t.check(user.expect("# ", 120) is not None, "host shell: a prompt")
        t.check(user.mode() != before, "the terminal is raw meanwhile")
        user.type("echo w\x08world\r")
        t.check(user.expect("\nworld") is not None, "host shell: edits lines")
        user.type("exit 3\r")
        t.equal(user.wait(), 3, "host shell: its status is returned")
        t.equal(user.mode(), before, "the terminal is as before")
    with typist.Typist([LAB, "host"]) as user:
        before = user.mode()
        user.expect("# ", 120)
        os.kill(user._pid, 15)
        user.wait()
        t.equal(user.mode(), before, "the terminal is as before when killed")


# ---- what went wrong -----------------------------------------------------

BENCH_LOG = """\
@world native
@done native
@world guest
cvmctl: bench: net in slot 1: slirp: the guest's ping ends at this host
cvmctl: /tmp/bench.conf:6: eth1: slirp: built without libslirp
@world kvm
[    0.000000] Linux version 6.12
sh: 1: kill: No such process
"""


def _reasons(t):
    """One line, the last one, says what failed; it is the guest's own."""
    for words, line in (
            (("--mem", "4000", "--", "true"), "cvmctl: "),
            (("--", "sh", "-c", "echo c >/proc/sysrq-trigger"),
             "Kernel panic - not syncing: sysrq triggered crash")):
        done = _lab("run", *words)
        last = done.stderr.decode().splitlines()[-1]
        t.check(done.returncode == 125 and last.startswith("lab: error: ") and
                line in last, "run %s: \"%s\"" % (words[-1], last),
                done.stderr.decode())
    try:
        worlds._check(BENCH_LOG, ("native", "guest", "kvm"))
        said = ""
    except ui.LabError as err:
        said = str(err)
    t.check("guest did not finish: cvmctl: /tmp/bench.conf:6: eth1: slirp" in
            said, "bench: a world that fails is given its own reason", said)


# ---- signals -------------------------------------------------------------

# In the place of what builds a kernel: an empty tree, a configuration that is
# what was asked for, and a compiler that has children and never ends.
STAND_INS = {"tar": """\
case "$*" in
*/linux-source-*) mkdir -p "$4/arch/x86/include/asm" "$4/include/linux" ;;
*) exec /usr/bin/tar "$@" ;;
esac
""", "patch": """\
case "$*" in
*/.build-*) ;;
*) exec /usr/bin/patch "$@" ;;
esac
""", "make": """\
case "$*" in
*/.build-*olddefconfig) cp "$2/cvm.fragment" "$2/.config" ;;
*/.build-*" -n "*) printf "echo '  %s';\n" 'CC      a.o' 'AS      b.o' \
	'CC      c.o' 'LD      d.o' ;;
*/.build-*vmlinux*)
	echo '  CC      a.o'
	echo '  AS      b.o'
	sleep 3000 &
	echo $! >$TMPDIR/started
	wait ;;
*/.build-*) ;;
*) exec /usr/bin/make "$@" ;;
esac
"""}


def _listen():
    """A test in the background may have been told to ignore these."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Running:
    """A lab in the background, and all that it started: they carry a mark.
    Its temporary files are in .dir."""

    def __init__(self, where, *args, **env):
        self.dir = where / "tmp"
        self.dir.mkdir()
        # A file: a pipe would have no end while anybody lives.
        self._said = where / "said"
        self._mark = ("CVM_LAB_MARK=%s" % uuid.uuid4()).encode()
        name, value = self._mark.decode().split("=")
        with open(self._said, "wb") as said:
            self.proc = subprocess.Popen(
                [LAB, *args], stdin=subprocess.DEVNULL, stdout=said,
                stderr=said, preexec_fn=_listen,
                env=dict(os.environ, TMPDIR=str(self.dir), **{name: value},
                         **env))

    def said(self):
        return self._said.read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.proc.wait()

    def processes(self):
        """{pid: name} of those that are alive."""
        found = {}
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self._mark in (path / "environ").read_bytes().split(b"\0"):
                    found[int(path.name)] = (path / "comm").read_text().strip()
        return found

    def until(self, done, limit=120):
        end = time.monotonic() + limit * paths.PATIENCE
        while not done() and time.monotonic() < end:
            time.sleep(0.1)
        return done()


def _other_cache(where):
    """A cache like ours, without guest kernels."""
    for path in paths.CACHE.iterdir():
        if not path.name.startswith(("kernel-", ".")):
            (where / path.name).symlink_to(path)
    return where


def _stand_ins(where):
    where.mkdir()
    for name, script in STAND_INS.items():
        (where / name).write_text("#!/bin/sh\n" + script)
        (where / name).chmod(0o755)


def _ended(t, number):
    """A lab that builds a kernel gets a signal."""
    name = signal.Signals(number).name
    with tempfile.TemporaryDirectory(prefix="cvm-signal-") as directory:
        where = pathlib.Path(directory)
        (where / "cache").mkdir()
        _stand_ins(where / "bin")
        with Running(where, "run", "--guest", kernels.BUILT[0], "--", "true",
                     CVM_CACHE=str(_other_cache(where / "cache")),
                     PATH="%s:%s" % (where / "bin", os.environ["PATH"])) as lab:
            t.check(lab.until((lab.dir / "started").exists),
                    "%s: a kernel is being built" % name, lab.said())
            if number == signal.SIGTERM:
                t.check(lab.until(lambda: "  2 of about 3 files compiled\n" in
                                  lab.said()),
                        "it says how far a kernel's build is", lab.said())
            lab.proc.send_signal(number)
            lab.proc.wait()
            t.check(lab.until(lambda: not lab.processes(), 30),
                    "%s: nothing of the lab goes on" % name, lab.processes())
            said = lab.said()
        t.equal([p.name for p in (where / "cache").glob(".build-*")], [],
                "%s: no half-built kernel is left" % name)
        if number != signal.SIGKILL:
            t.check(lab.proc.returncode == 125 and said.endswith(
                "lab: interrupted by %s\n" % name), "%s: it says so" % name,
                said)


def _suites_ended(t):
    """Two suites side by side, both with a machine."""
    with tempfile.TemporaryDirectory(prefix="cvm-signal-") as directory:
        with Running(pathlib.Path(directory), "test", "--jobs", "2",
                     "hotplug", "config") as lab:
            both = lab.until(lambda: list(lab.processes().values()).count(
                "qemu-system-x86") == 2)
            t.check(both, "two suites have machines", lab.processes())
            lab.proc.terminate()
            lab.proc.wait()
            t.check(lab.until(lambda: not lab.processes(), 30),
                    "SIGTERM: no suite goes on", lab.processes())
            said = lab.said()
        t.equal(os.listdir(lab.dir), [], "and none leaves a file")
        t.check(said.endswith("lab: interrupted by SIGTERM\n"),
                "it says so", said)


def run(t):
    _frames(t)
    _agent(t)
    _host_commands(t)
    _host_terminal(t)
    _reasons(t)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT,
                   signal.SIGKILL):
        _ended(t, number)
    _suites_ended(t)
