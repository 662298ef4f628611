# SPDX-License-Identifier: GPL-2.0-only
"""All of `meson test`, built with address and undefined-behaviour sanitizers.
"""

import build
import suite_unit


def run(t):
    suite_unit.meson_tests(t, build.sanitized_dir())
