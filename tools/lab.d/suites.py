# SPDX-License-Identifier: GPL-2.0-only
"""tools/lab test: runs the suites of tests/lab and counts.

A suite is a Python file there with run(t).  It calls t.check(condition, what)
for each thing that must hold, t.skip(what, why) for what this machine cannot
do, and may raise.  Everything is printed as it happens.
"""

import importlib
import sys
import time
import traceback

import paths
import ui

TESTS = paths.ROOT / "tests/lab"

# In this order: what is quick and basic first.
ORDER = ("unit", "pe", "wine", "install", "ring0", "bochs", "nt", "lab",
         "driver", "hotplug", "pairs", "guest", "devices", "console", "net",
         "config", "hostile", "powercut",
         "irq", "nmi", "storm", "kill", "faults", "models", "bench")
LONG_ONLY = ("soak", "rich", "fuzz")


class Report:
    def __init__(self, long):
        self.long = long
        self.passed = self.failed = self.skipped = 0
        self._suite = ""

    def begin(self, suite):
        self._suite = suite

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


def _run_one(report, name):
    report.begin(name)
    begin = time.monotonic()
    failed = report.failed
    try:
        importlib.import_module("suite_" + name).run(report)
    except ui.LabError as err:
        report.check(False, "runs to its end", err)
    except Exception:
        report.check(False, "runs to its end", traceback.format_exc())
    report.info("%s in %.0f s" % (
        "done" if report.failed == failed else "FAILED",
        time.monotonic() - begin))


def main(names, long):
    known = ORDER + LONG_ONLY
    for name in names:
        if name not in known:
            ui.say("no suite '%s'; there are: %s" % (name, " ".join(known)))
            return 2
    if not names:
        names = known if long else ORDER
    sys.path.insert(0, str(TESTS))
    report = Report(long)
    for name in names:
        _run_one(report, name)
    print("%d passed, %d failed, %d skipped" % (
        report.passed, report.failed, report.skipped), flush=True)
    return 1 if report.failed or not report.passed else 0
