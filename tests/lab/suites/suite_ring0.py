# SPDX-License-Identifier: GPL-2.0-only
"""The real library and switch on the bare host, without an operating system, in
QEMU."""

import json
import subprocess
import tempfile

import build
import children
import paths

RUN = paths.ROOT / "tests/ring0/run"


def groups():
    """{test: its groups} of tests/ring0/tests.cfg."""
    text = subprocess.check_output([RUN, "--list"]).decode()
    return {line.split()[0]: line.split()[1:] for line in text.splitlines()}


def run_images(t, names):
    """Run tests of tests/ring0/run; each line of an image is a check."""
    where = build.meson_dir("native")
    with tempfile.NamedTemporaryFile(prefix="cvm-ring0-") as out:
        done = children.run(
            [RUN, "--build", where, "--json", out.name, *names],
            stderr=subprocess.STDOUT)
        text = done.stdout.decode("utf-8", "replace")
        data = out.read()
    records = json.loads(data) if data else []
    t.check([r["test"] for r in records] == names,
            "all %d images ran" % len(names), text)
    for record in records:
        name = record["test"]
        for verdict, line in record["lines"]:
            if verdict == "SKIP":
                t.skip("%s: %s" % (name, line), "this CPU")
            else:
                t.check(verdict == "PASS", "%s: %s" % (name, line), text)
        t.check(record["status"] == 33 and record["lines"],
                "%s ends well (%.1f s)" % (name, record["seconds"]), text)


def run(t):
    run_images(t, [name for name, g in groups().items()
                   if "qemu" in g and "nmi" not in g])
