# SPDX-License-Identifier: GPL-2.0-only
"""The Windows build: equal layouts and code bytes, the driver's file.

libcvm and the NT driver compile without warnings; structure layouts, assembler
offsets and the switch's code bytes are the same as in the ELF build; cvm.sys is
what NT may load, imports what its list names, and comes out the same from
another directory."""

import re
import subprocess
import sys

import build
import paths

MINGW = "x86_64-w64-mingw32-gcc"
OBJDUMP = "x86_64-w64-mingw32-objdump"


def run(t):
    pe = build.windows_dir()
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
    driver = pe / "hosts/nt/cvm.sys"
    version = re.search(r'CVM_VERSION\s+"(.*)"', (
        paths.ROOT / "include/cvm/uapi.h").read_text()).group(1)
    done = subprocess.run(
        [sys.executable, paths.ROOT / "tests/nt/check_sys.py", driver,
         paths.ROOT / "hosts/nt/imports.txt", OBJDUMP, version,
         str(paths.ROOT), str(pe)], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    text = done.stdout.decode("utf-8", "replace")
    t.check(done.returncode == 0, "cvm.sys: image, sections, imports, code",
            text)
    again = build.windows_dir("pe-again", "-Dtests=false")
    t.check(driver.read_bytes() == (again / "hosts/nt/cvm.sys").read_bytes(),
            "cvm.sys is the same from another directory")
