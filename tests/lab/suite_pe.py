# SPDX-License-Identifier: GPL-2.0-only
"""libcvm built for Windows: it compiles without warnings, and structure
layouts, assembler offsets and the switch's code bytes are the same as in the
ELF build."""

import subprocess
import sys

import build
import paths

MINGW = "x86_64-w64-mingw32-gcc"


def run(t):
    pe = build.meson_dir("pe", "--cross-file",
                         str(paths.ROOT / ".ci/mingw64.ini"))
    t.check((pe / "libcvm/libcvm.a").exists(), "libcvm builds with MinGW-w64")
    t.equal((pe / "libcvm/cvm-offsets.h").read_text(),
            (build.meson_dir("native") / "libcvm/cvm-offsets.h").read_text(),
            "both builds generated the same offsets")
    done = subprocess.run(
        [sys.executable, paths.ROOT / "tests/pe/compare.py", paths.ROOT,
         "gcc", "--", MINGW], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    text = done.stdout.decode("utf-8", "replace")
    for line in text.splitlines():
        t.info(line)
    t.check(done.returncode == 0 and text.count(" equal") == 3,
            "layouts, offsets and code bytes agree in ELF and PE", text)
