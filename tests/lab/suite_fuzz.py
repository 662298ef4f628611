# SPDX-License-Identifier: GPL-2.0-only
"""The loader against many more broken files, from several seeds."""

import subprocess

import build

RUNS = "500000"
SEEDS = ("11", "12", "13", "14")


def run(t):
    program = build.meson_dir("native") / "tests/fuzz/fuzz_loader"
    for seed in SEEDS:
        done = subprocess.run([program, "-n", RUNS, "-s", seed],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        t.check(done.returncode == 0, "%s images from seed %s" % (RUNS, seed),
                done.stdout[-4000:].decode("utf-8", "replace"))
