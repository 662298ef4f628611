# SPDX-License-Identifier: GPL-2.0-only
"""`cvm.sys` on the ring-0 NT bed, as it is shipped: requests, guests to user
space, kills and failing calls, an NMI and a machine check at every instruction
of the switch.

Every page, object and timer is counted, every register poisoned.  Then
`tools/lab nt` as a user has it, with the kernels that a Linux host boots."""

import concurrent.futures
import contextlib
import hashlib
import pathlib
import random
import re
import sys
import tempfile
import time

import build
import children
import images
import kernels
import machine
import ntbed
import paths
import ring0
import typist

sys.path.append(str(paths.ROOT / "tests/ring0/lib"))

import drivers  # noqa: E402
import passage  # noqa: E402

LAB = str(paths.ROOT / "tools/lab")
WORDS = " -- console=hvc0 cvm.lab=%s"
GUEST = kernels.BUILT[0]	# where one is enough
STOCK = kernels.STOCK[0]	# as its package has it, adapted
SCRIPT = b"cat /sys/hypervisor/cvm/host\nuname -r\n"
VERSIONS = (1000, 502)
# A machine is one thread, so two keep a small computer busy.
MACHINES = 2
# What stops the bed at once: a kind of leak, and what it says.
FATAL_LEAKS = {"files": "a device is deleted under open files",
               "irps": "IRP 14: returned 103, completed 0",
               "user_maps": "bug check 76"}
# Never taken by a guest's process that ends in an orderly way.
RARE = {"attached"}
# For CPUs of a second processor group; the bed has one.
UNCALLED = {"KeSetTargetProcessorDpcEx"}


class Machines:
    """Runs in parallel, reported in the order of their start."""

    def __init__(self, t):
        self.t = t
        self._pool = concurrent.futures.ThreadPoolExecutor(MACHINES)
        self._todo = []

    def start(self, what, fn, *args, then=None):
        self._todo.append((what, self._pool.submit(fn, *args), then))

    def bed(self, what, words, files, limit=ntbed.LIMIT, then=None):
        self.start(what, ntbed.run, words, files, limit, then=then)

    def report(self):
        """Wait for all of them; then(result) looks further."""
        for what, future, then in self._todo:
            result = future.result()
            ring0.report(self.t, result, what)
            if then:
                then(result)
        self._pool.shutdown()


def table(result):
    """{name: the numbers} of a table that the image printed, shown too."""
    found = {}
    for line in re.findall(r"^TABLE (.*?)\r?$", result.text, re.M):
        words = line.split()
        if words[-1].isdigit():
            found[words[0]] = [int(n) for n in words if n.isdigit()]
    return found


def show_table(t, result):
    for line in re.findall(r"^TABLE (.*?)\r?$", result.text, re.M):
        t.info(line)


# ---- the bed itself ------------------------------------------------------

def _stops(t, files, words, text, what, why=""):
    result = ntbed.run(words, files)
    t.check("PANIC: " + text in result.text and why in result.text, what,
            result.text)


def _bed(t):
    probe = ntbed.image("probe.sys")
    for test in ("probe", "refuse", "leak"):
        ring0.report(t, ntbed.run("test=" + test, (probe,), 60), test)
    for what, text in FATAL_LEAKS.items():
        _stops(t, (probe,), "test=leak what=" + what, text,
               "a leak of %s is noticed" % what)
    for what, row in enumerate(("lstar", "cr4", "ds", "rsp")):
        _stops(t, (probe,), "test=spoil what=%d" % what,
               "watch: %s is not" % row, "a spoilt %s is noticed" % row)


def _loads(run):
    for words in ("nt=1000", "nt=601", "nt=502", "refused ci=1024",
                  "refused ci=8192"):
        run.bed("load " + words, "test=load " + words, (ntbed.driver(),), 120)
    run.bed("wait", "test=wait", (ntbed.driver(),), 120)


# ---- the mini guest ------------------------------------------------------

def _sweep(kind):
    """An NMI or a machine check at every instruction of the loaded switch."""
    native = build.meson_dir("native")
    files = (ntbed.driver(), ntbed.mini_guest())
    where = passage.Passage(native / "tests/nt/bed/ntbed.elf",
                            native / "libcvm", ntbed.driver())
    return drivers.Sweep(ntbed.image(), where, kind, 900, {
        "cpu": ring0.CPU, "mem": ntbed.MEM,
        "extra": ntbed.modules(*files)}).go()


def _mini(run):
    files = (ntbed.driver(), ntbed.mini_guest())
    count = 100000 if run.t.long else 10000
    for kind in ("nmi", "mce"):
        run.start("every address, " + kind, _sweep, kind)
    for nt in VERSIONS:
        run.bed("poison nt=%d" % nt, "test=poison compare count=%d nt=%d "
                "seed=%d" % (count, nt, nt), files)
    run.bed("a damaged switch", "test=poison count=100 hurt", files)
    run.bed("fault", "test=fault", files)


# ---- guests --------------------------------------------------------------

def _guest_says(t, what, series):
    def look(result):
        lines = result.text.replace("\r", "").split("\n")
        at = lines.index("@lab begin") if "@lab begin" in lines else -1
        t.check(at >= 0 and lines[at + 1] == "nt" and
                lines[at + 2].startswith(series + "."),
                what + " says so", "\n".join(lines[at:at + 5]))
    return look


def _guests(run, initrd):
    for name in kernels.BUILT:
        series = kernels.series(name)
        files = (ntbed.driver(), kernels.guest(name).image, initrd)
        for nt in VERSIONS:
            what = "a %s guest on NT %d.%d" % (series, nt // 100, nt % 100)
            run.bed(what, "test=boot nt=%d compare vectors sleep mem=128" %
                    nt + WORDS % "auto", files,
                    then=_guest_says(run.t, what, series))


def _enables(t, initrd):
    """An NT that returns from an interrupt with interrupts enabled."""
    files = (ntbed.driver(), kernels.guest(GUEST).image, initrd)
    _stops(t, files, "test=boot enables mem=128" + WORDS % "auto",
           "bug check 43564d", "interrupts enabled in a slice end NT",
           "irq_forward() returned with interrupts enabled")


def _press(initrd):
    """The machine's NMI button, pressed all the time."""
    files = (ntbed.driver(), kernels.guest(GUEST).image, initrd)
    qmp = initrd.parent / "qmp"
    pressed = 0
    with ring0.started(
            ntbed.image(), "test=boot compare mem=128" + WORDS % "auto",
            mem=ntbed.MEM, extra=[
                *ntbed.modules(*files), "-qmp",
                "unix:%s,server=on,wait=off" % qmp]) as run:
        while run.qemu.poll() is None and "cvm:" not in run.text():
            time.sleep(0.05)  # without an IDT an NMI is the end
        button = ring0.Monitor(qmp)
        try:
            while run.qemu.poll() is None and pressed < 100000:
                button.ask("inject-nmi")
                pressed += 1
                time.sleep(random.random() * 0.004)
        except (OSError, ValueError):
            pass
        result = run.finish(ntbed.LIMIT)
    with contextlib.suppress(OSError):
        button.close()
    return result


def _nmis(run, initrd):
    def look(result):
        taken = re.search(r"(\d+) NMIs", result.text)
        run.t.check(taken and int(taken.group(1)) > 100,
                    "%s NMIs reached NT" % (taken and taken.group(1)))
    run.start("a guest under NMIs", _press, initrd, then=look)


# ---- taken and returned, refused -----------------------------------------

def _rounds(run, initrd):
    files = (ntbed.driver(), kernels.guest(GUEST).image, initrd)
    rounds = 500 if run.t.long else 100

    def look(result):
        show_table(run.t, result)
        rows = table(result)
        idle = {name for name, row in rows.items() if not row[0]}
        run.t.check(rows and idle <= RARE, "each kind of thing was taken",
                    "never: %s" % idle)
        run.t.check(rows and all(row[0] == row[1] for row in rows.values()),
                    "each kind of thing was returned", rows)
    run.bed("load, start, kill, unload", "test=rounds rounds=%d mem=64" %
            rounds + WORDS % "shell", files, 1200, then=look)


def _failures(run, initrd):
    files = (ntbed.driver(), kernels.guest(GUEST).image, initrd)
    failed = {}

    def look(result):
        show_table(run.t, result)
        for name, (_, times) in table(result).items():
            failed[name] = failed.get(name, 0) + times

    def look_at_both(result):
        look(result)
        never = {name for name, times in failed.items() if not times}
        run.t.check(failed and never == UNCALLED, "each of %d functions that "
                    "may fail did" % (len(failed) - len(UNCALLED)),
                    "never: %s" % never)
    for nt in VERSIONS:
        run.bed("failing calls, NT %d" % nt, "test=fail nt=%d kill=250 mem=64"
                % nt + WORDS % "shell", files, 900,
                then=look if nt != VERSIONS[-1] else look_at_both)


# ---- as a user has it ----------------------------------------------------

def _lab(*args):
    return children.run([LAB, "nt", *args])


def _same_kernels(t):
    """What runs under cvm.sys is, byte for byte, what a Linux host boots."""
    with machine.Machine(machine.Options(guests=kernels.BUILT)) as host:
        for name in kernels.BUILT:
            ours = kernels.guest(name).image.read_bytes()
            theirs = host.sh("sha256sum " + machine.guest_file(name))
            t.equal(theirs.split()[0], hashlib.sha256(ours).hexdigest(),
                    "the Linux host's guest %s is the same file" % name)


def _commands(t):
    for name in (*kernels.BUILT, STOCK):
        done = _lab("--guest", name, "--", "cat", "/sys/hypervisor/cvm/host")
        t.equal((done.stdout, done.returncode), (b"nt\n", 0),
                "nt --guest %s: cat .../host" % name)
        done = _lab("--guest", name, "--", "uname", "-r")
        said = done.stdout.decode().strip()
        t.check(kernels.guest(name).is_release(said),
                "nt --guest %s: uname -r: %s" % (name, said), done.stderr)
    done = _lab("--", "sh", "-c", "echo 'a  b'; exit 77")
    t.equal((done.stdout, done.returncode), (b"a  b\n", 77),
            "nt: the status is the command's")
    done = _lab("--timeout", "15", "--", "sleep", "1000")
    t.check(done.returncode == 125 and b"15 s" in done.stderr,
            "--timeout ends a hung guest", done.stderr)


def _shell(t):
    with typist.Typist([LAB, "nt"], {"TERM": "vt100"}) as user:
        before = user.mode()
        t.check(user.expect("# ", 180) is not None, "nt shell: a prompt")
        t.check(user.mode() != before, "the terminal is raw meanwhile")
        user.type("cat /sys/hypervisor/cvm/host; echo $TERM\r")
        t.check(user.expect("\nnt\r") is not None and
                user.expect("\nvt100\r") is not None,
                "nt shell: a command, and the terminal's kind")
        user.type("echo w\x08worl\x1b[D\x1b[D\x08\x7fworld\x0b\r")
        t.check(user.expect("\nworld\r") is not None and
                user.expect("# ") is not None, "nt shell: edits lines")
        # (A ^C before a shell has forked is the shell's.)
        user.type("sh -c 'echo asleep; exec sleep 1000'\r")
        user.expect("\nasleep\r")
        user.type("\x03")
        t.check(user.expect("# ") is not None, "nt shell: ctrl-C")
        user.type("echo still $((40 + 2))\r")
        t.check(user.expect("\nstill 42") is not None,
                "nt shell: and the shell lives")
        user.type("poweroff\r")
        t.equal(user.wait(), 0, "nt shell: poweroff ends it")
        t.equal(user.mode(), before, "the terminal is as before")


def run(t):
    _bed(t)
    with tempfile.TemporaryDirectory(prefix="cvm-nt-") as where:
        initrd = pathlib.Path(where) / "initrd"
        initrd.write_bytes(images.guest_system(
            kernels.guest(GUEST), SCRIPT).bytes())
        machines = Machines(t)
        _rounds(machines, initrd)
        _loads(machines)
        _mini(machines)
        _guests(machines, initrd)
        _nmis(machines, initrd)
        _failures(machines, initrd)
        _enables(t, initrd)
        machines.report()
    _commands(t)
    _shell(t)
    _same_kernels(t)
