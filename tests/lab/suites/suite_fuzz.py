# SPDX-License-Identifier: GPL-2.0-only
"""What reads untrusted input, broken in many more ways, from several seeds."""

import subprocess

import build

RUNS = "500000"
SEEDS = ("11", "12", "13", "14")
TARGETS = {
    "loader": "kernel files",
    "virtqueue": "rings",
    "transport": "drivers of a slot",
    "image": "disk images",
    "config": "configurations",
    "blk": "requests to disks",
    "console": "drivers of a console",
    "net": "drivers of a network card",
    "dns": "frames to a name server, and its answers",
}


def run(t):
    programs = build.meson_dir("native") / "tests/fuzz"
    for target, what in TARGETS.items():
        for seed in SEEDS:
            done = subprocess.run([programs / ("fuzz_" + target),
                                   "-n", RUNS, "-s", seed],
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            t.check(done.returncode == 0,
                    "%s %s from seed %s" % (RUNS, what, seed),
                    done.stdout[-4000:].decode("utf-8", "replace"))
