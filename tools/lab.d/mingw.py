# SPDX-License-Identifier: GPL-2.0-only
"""Libraries for Windows that Debian has for Linux only: built from Debian's
own source, once, into the cache."""

import shutil
import tempfile
import pathlib

import debian
import paths
import ui

CC = "x86_64-w64-mingw32-gcc"
AR = "x86_64-w64-mingw32-ar"

# The test library is one file; its CMake files only find out what is defined
# here.
CMOCKA = ("1.1.5", "pool/main/c/cmocka/cmocka_1.1.5.orig.tar.xz",
          "f0ccd8242d55e2fd74b16ba518359151f6f8383ff8aef4976e48393f77bba8b6")
CMOCKA_FLAGS = ("-O2", "-DHAVE_INTTYPES_H", "-DHAVE_MALLOC_H",
                "-DHAVE_SIGNAL_H", "-DHAVE_STRUCT_TIMESPEC",
                "-DHAVE_GCC_THREAD_LOCAL_STORAGE")
PKG_CONFIG = """\
prefix=%s
Name: cmocka
Description: unit tests in C
Version: %s
Cflags: -I${prefix}/include
Libs: -L${prefix}/lib -lcmocka
"""


def _build_cmocka(source, where, version):
    with tempfile.TemporaryDirectory(prefix="cvm-mingw-") as scratch:
        ui.run(["tar", "-xf", source, "-C", scratch, "--strip-components=1"])
        tree = pathlib.Path(scratch)
        ui.run([CC, *CMOCKA_FLAGS, "-I", tree / "include", "-c", "-o",
                tree / "cmocka.o", tree / "src/cmocka.c"])
        (where / "lib/pkgconfig").mkdir(parents=True)
        ui.run([AR, "rcs", where / "lib/libcmocka.a", tree / "cmocka.o"])
        shutil.copytree(tree / "include", where / "include")
    (where / "lib/pkgconfig/cmocka.pc").write_text(
        PKG_CONFIG % (where, version))


def cmocka():
    """Directory of its pkg-config file."""
    version, source, sha256 = CMOCKA
    key = paths.content_hash([pathlib.Path(__file__)])
    where = paths.CACHE / "mingw" / ("cmocka-" + key)
    with ui.locked(where):
        if not (where / "complete").exists():
            shutil.rmtree(where, ignore_errors=True)
            tar = debian.source_file(source, sha256)
            with ui.step("building cmocka for Windows"):
                _build_cmocka(tar, where, version)
            (where / "complete").touch()
    return where / "lib/pkgconfig"
