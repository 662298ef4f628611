# SPDX-License-Identifier: GPL-2.0-only
"""tools/lab test: runs the suites of tests/lab/suites and counts.

A suite is a Python file there with run(t).  It calls t.check(condition, what)
for each thing that must hold, t.skip(what, why) for what this machine cannot
do, and may raise.  Everything is printed as it happens.
"""

import ast
import concurrent.futures
import importlib
import os
import re
import subprocess
import sys
import textwrap
import time
import traceback

import children
import kernels
import paths
import ui

# In this order: what is quick and basic first.  tools/gen-suites-doc writes
# what they are into tests/README.md.
ORDER = ("unit", "tsan", "asan", "pe", "wine", "install", "ring0", "bochs",
         "nt", "lab", "driver", "headers", "judged", "fresh", "hotplug", "pairs",
         "series", "guest", "devices", "disks", "console", "net", "config",
         "hostile", "powercut", "debian", "distro", "irq", "vectors", "nmi",
         "mce", "storm", "changed", "stock", "kill", "faults", "models", "bench")
LONG_ONLY = ("soak", "rich", "fuzz")

# What counts instructions, when nothing else runs and all is built.
ALONE = ("irq", "bench")

# Where guests are not of the usual kind (kernels.py), or of more than one.  Built
# kernels have nothing that is not counted on, so exact numbers are theirs, and
# a boot loader without cvmctl takes them alone.  A hundred starts of stock ones,
# each adapted under TCG, would take half an hour.
KINDS = {name: ("stock", "built") for name in (
    "guest", "devices", "vectors", "mce", "models")}
KINDS.update({name: ("built",) for name in (
    "install", "nt", "irq", "bench", "soak", "rich", "kill")})


def what(name):
    """What a suite tests: the first paragraph of its file."""
    path = paths.SUITES / ("suite_%s.py" % name)
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split())


def show():
    """The suites and what they test."""
    for name in ORDER + LONG_ONLY:
        print("\n".join(textwrap.wrap(
            what(name), 79, initial_indent="%-10s " % name,
            subsequent_indent=" " * 11)))
    print("\nOnly with --long, or when named: " + " ".join(LONG_ONLY))
    return 0


VERDICT = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped\n\Z")


class Report:
    """What a suite says.  Its guests are kernels' names, the newer one first;
    guest is for what takes only one."""

    def __init__(self, long):
        self.long = long
        self.passed = self.failed = self.skipped = 0
        self._suite = ""

    def begin(self, suite, guests):
        self._suite = suite
        self.guests, self.guest = guests, guests[0]

    def _line(self, verdict, what):
        print("%s %s: %s" % (verdict, self._suite, what), flush=True)

    def check(self, good, what, detail=""):
        """One thing that must hold; the detail is shown when it does not."""
        if good:
            self.passed += 1
            self._line("ok  ", what)
        else:
            self.failed += 1
            self._line("FAIL", what)
            for line in str(detail).rstrip().splitlines():
                print("     | " + line, flush=True)
        return bool(good)

    def equal(self, got, want, what):
        return self.check(got == want, what,
                          "got  %r\nwant %r" % (got, want))

    def skip(self, what, why):
        self.skipped += 1
        self._line("skip", "%s (%s)" % (what, why))

    def info(self, text):
        self._line("    ", text)


class Run:
    """A suite, with guests of one kind or with one guest."""

    def __init__(self, name, kernel):
        self.name = name
        self.kernel = kernel
        self.guests = kernels.KINDS.get(kernel, (kernel,))
        self.label = name if kernel == _kinds(name)[0] else \
            "%s, %s" % (name, kernel)


def _kinds(suite):
    return KINDS.get(suite, (kernels.USUAL,))


def _runs(names, kernel):
    """What is run for these suites; kernel is what the user wants, if he
    does."""
    return [Run(name, each) for name in names
            for each in ((kernel,) if kernel else _kinds(name))]


def _run_one(report, run):
    report.begin(run.label, run.guests)
    begin = time.monotonic()
    failed = report.failed
    try:
        importlib.import_module("suite_" + run.name).run(report)
    except ui.LabError as err:
        report.check(False, "completes", err.full())
    except Exception:
        report.check(False, "completes", traceback.format_exc())
    report.info("%s in %.0f s" % (
        "done" if report.failed == failed else "FAILED",
        time.monotonic() - begin))


def _here(report, runs):
    """One after the other, each line as it comes."""
    # What suites share lies above them.
    sys.path[:0] = [str(paths.SUITES), str(paths.SUITES.parent)]
    for run in runs:
        _run_one(report, run)


def _apart(run, long):
    """A suite in a process of its own: all that it printed."""
    ui.say("suite %s ..." % run.label)
    argv = [sys.executable, paths.ROOT / "tools/lab", "test", run.name,
            "--guest", run.kernel]
    return children.run(argv + ["--long"] * long, stderr=subprocess.STDOUT,
                        text=True, errors="replace").stdout


def _add(report, run, text):
    """What a suite of another process printed, and what it counted."""
    counts = VERDICT.search(text)
    sys.stdout.write(text[:counts.start()] if counts else text)
    sys.stdout.flush()
    if not counts:
        report.begin(run.label, run.guests)
        report.check(False, "completes")
        return
    passed, failed, skipped = map(int, counts.groups())
    report.passed += passed
    report.failed += failed
    report.skipped += skipped


def _side_by_side(report, runs, jobs):
    """Most suites keep one CPU busy.  The order of what is printed is that
    of the suites."""
    for name in {name: None for run in runs for name in run.guests}:
        kernels.guest(name).files()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            texts = [pool.submit(_apart, run, report.long) for run in runs]
            for run, text in zip(runs, texts):
                _add(report, run, text.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            children.end_all()
            raise


def main(names, long=False, jobs=None, kernel=None):
    known = ORDER + LONG_ONLY
    for name in names:
        if name not in known:
            ui.say("unknown suite '%s'; known are: %s" % (
                name, " ".join(known)))
            return 2
    if not names:
        names = known if long else ORDER
    report = Report(long)
    jobs = jobs or len(os.sched_getaffinity(0))
    runs = _runs(names, kernel)
    shared = [run for run in runs if run.name not in ALONE]
    if jobs > 1 and len(shared) > 1:
        _side_by_side(report, shared, jobs)
        runs = [run for run in runs if run.name in ALONE]
    _here(report, runs)
    print("%d passed, %d failed, %d skipped" % (
        report.passed, report.failed, report.skipped), flush=True)
    return 1 if report.failed or not report.passed else 0
