# SPDX-License-Identifier: GPL-2.0-only
"""`meson test`: core, loader, devices, `cvmctl`, the switch in an emulated CPU,
one check for each of its tests."""

import json
import subprocess

import build
import children
import paths


def meson_tests(t, where, *prefix):
    """Run a build directory's tests; one check for each.  prefix: a program
    that runs them."""
    log = where / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    done = children.run(
        [*prefix, "meson", "test", "-C", where, "--no-rebuild",
         "--print-errorlogs", "--timeout-multiplier", str(paths.PATIENCE)],
        stderr=subprocess.STDOUT)
    text = done.stdout.decode("utf-8", "replace")
    results = []
    if log.exists():
        results = [json.loads(line) for line in log.open()]
    t.check(results, "meson test runs", text)
    for result in results:
        name = "%s (%.1f s)" % (result["name"], result["duration"])
        if result["result"] == "SKIP":
            t.skip(name, "meson")
        else:
            t.check(result["result"] in ("OK", "EXPECTEDFAIL"), name,
                    "%s\n%s%s" % (result["result"],
                                  result.get("stdout", "")[-3000:],
                                  result.get("stderr", "")[-3000:]))
    t.check(done.returncode == 0 or any(
        r["result"] not in ("OK", "SKIP", "EXPECTEDFAIL") for r in results),
        "meson's own verdict agrees", text)


def run(t):
    meson_tests(t, build.meson_dir("native"))
