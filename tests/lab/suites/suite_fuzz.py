# SPDX-License-Identifier: GPL-2.0-only
"""What reads untrusted input, broken in many more ways, from several seeds."""

import subprocess

import build
import paths

RUNS = "500000"
SEEDS = ("11", "12", "13", "14")


def _targets():
    return sorted(path.stem for path in
                  (paths.ROOT / "tests/fuzz").glob("fuzz_*.c"))


def run(t):
    programs = build.meson_dir("native") / "tests/fuzz"
    for target in _targets():
        for seed in SEEDS:
            done = subprocess.run([programs / target, "-n", RUNS, "-s", seed],
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            t.check(done.returncode == 0,
                    "%s: %s inputs from seed %s" % (target, RUNS, seed),
                    done.stdout[-4000:].decode("utf-8", "replace"))
