# SPDX-License-Identifier: GPL-2.0-only
"""libcvm built for Windows: it compiles without warnings, and every offset
that assembler or another compiler relies on is the same as in the ELF build."""

import build
import paths


def _offsets(where):
    path = where / "libcvm/cvm-offsets.h"
    lines = path.read_text().splitlines()
    return {line.split()[1]: line.split()[2] for line in lines
            if line.startswith("#define") and len(line.split()) == 3}


def run(t):
    elf = build.meson_dir("native")
    pe = build.meson_dir("pe", "--cross-file",
                         str(paths.ROOT / ".ci/mingw64.ini"))
    t.check((pe / "libcvm/libcvm.a").exists(), "libcvm builds with MinGW-w64")
    ours, theirs = _offsets(elf), _offsets(pe)
    t.check(len(ours) > 50, "%d assembler offsets generated" % len(ours))
    different = {n: (ours.get(n), theirs.get(n))
                 for n in sorted(set(ours) | set(theirs))
                 if ours.get(n) != theirs.get(n)}
    t.check(not different, "ELF and PE agree on each of them", different)
