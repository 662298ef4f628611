# SPDX-License-Identifier: GPL-2.0-only
"""Long fuzzing of the loader: millions of changed kernels, sanitizers on.

A failing input can be had again: the same seed gives the same inputs, and
`fuzz_loader -k` keeps the one it is about to run in fuzz-crash.bin.
"""

import subprocess

import build

SEEDS = range(1, 9)
MUTATIONS = 1000000


def run(t):
    fuzz = build.meson_dir("native") / "tests/fuzz/fuzz_loader"
    for seed in SEEDS:
        done = subprocess.run(
            [fuzz, "-n", str(MUTATIONS), "-s", str(seed)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        text = done.stdout.decode("utf-8", "replace")
        t.check(done.returncode == 0, "seed %d: %s" % (
            seed, text.strip().splitlines()[-1] if text else "no output"),
            text)
