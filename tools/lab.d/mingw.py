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
CMOCKA_FLAGS = ("-DHAVE_INTTYPES_H", "-DHAVE_MALLOC_H",
                "-DHAVE_SIGNAL_H", "-DHAVE_STRUCT_TIMESPEC",
                "-DHAVE_GCC_THREAD_LOCAL_STORAGE")

# The decoder of instructions.  Of its own library it takes headers only, which
# are the same for every system: those of libzycore-dev.
ZYDIS = ("4.0.0", "pool/main/z/zydis/zydis_4.0.0.orig.tar.gz",
         "e990107f80c62afc1deb51de230023a1098db801b8ea6bf483e296d45459e234")
ZYDIS_FLAGS = ("-DZYDIS_STATIC_BUILD", "-DZYCORE_STATIC_BUILD",
               "-DZYDIS_DISABLE_FORMATTER", "-DZYDIS_DISABLE_ENCODER")
ZYCORE_HEADERS = "/usr/include/Zycore"

# Only the half that unpacks; Debian's kernels are packed so.
ZSTD = ("1.5.4", "pool/main/libz/libzstd/libzstd_1.5.4+dfsg2.orig.tar.xz",
        "8cf4bbb65e77ec348d052c8d6230eba66d435bddf64c8b5be2fcb16880c19953")
ZSTD_FLAGS = ("-DZSTD_DISABLE_ASM",)

PKG_CONFIG = """\
prefix=%s
Name: %s
Description: %s
Version: %s
Cflags: -I${prefix}/include %s
Libs: -L${prefix}/lib %s
"""


def _unpack(source, tree):
    tree.mkdir()
    ui.run(["tar", "-xf", source, "-C", tree, "--strip-components=1"])
    return tree


def _archive(where, name, objects):
    (where / "lib/pkgconfig").mkdir(parents=True)
    ui.run([AR, "rcs", where / "lib" / ("lib%s.a" % name), *objects])


def _compile(flags, sources, scratch):
    """Objects of the sources."""
    objects = []
    for number, source in enumerate(sources):
        objects.append(scratch / ("%d.o" % number))
        ui.run([CC, "-O2", *flags, "-c", "-o", objects[-1], source])
    return objects


def _build_cmocka(where, scratch):
    version, *source = CMOCKA
    tree = _unpack(debian.source_file(*source), scratch / "cmocka")
    flags = (*CMOCKA_FLAGS, "-I%s" % (tree / "include"))
    _archive(where, "cmocka", _compile(flags, [tree / "src/cmocka.c"],
                                       scratch))
    shutil.copytree(tree / "include", where / "include")
    return PKG_CONFIG % (where, "cmocka", "unit tests in C", version, "",
                         "-lcmocka")


def _build_zydis(where, scratch):
    version, *source = ZYDIS
    tree = _unpack(debian.source_file(*source), scratch / "zydis")
    include = where / "include"
    shutil.copytree(tree / "include/Zydis", include / "Zydis")
    shutil.copytree(ZYCORE_HEADERS, include / "Zycore")
    flags = (*ZYDIS_FLAGS, "-I%s" % include, "-I%s" % (tree / "src"))
    _archive(where, "Zydis",
             _compile(flags, sorted((tree / "src").glob("*.c")), scratch))
    return PKG_CONFIG % (where, "zydis", "a decoder of instructions", version,
                         " ".join(ZYDIS_FLAGS), "-lZydis")


def _build_zstd(where, scratch):
    version, *source = ZSTD
    tree = _unpack(debian.source_file(*source), scratch / "zstd") / "lib"
    sources = sorted([*(tree / "common").glob("*.c"),
                      *(tree / "decompress").glob("*.c")])
    _archive(where, "zstd", _compile(ZSTD_FLAGS, sources, scratch))
    (where / "include").mkdir()
    for name in "zstd.h", "zstd_errors.h":
        shutil.copy(tree / name, where / "include")
    return PKG_CONFIG % (where, "libzstd", "unpacks zstd", version, "",
                         "-lzstd")


def _library(name, build):
    """Directory of its pkg-config file."""
    key = paths.content_hash([pathlib.Path(__file__)])
    where = paths.CACHE / "mingw" / ("%s-%s" % (name, key))
    with ui.locked(where):
        if not (where / "complete").exists():
            shutil.rmtree(where, ignore_errors=True)
            with ui.step("building %s for Windows" % name), \
                    tempfile.TemporaryDirectory(prefix="cvm-mingw-") as scratch:
                text = build(where, pathlib.Path(scratch))
                (where / "lib/pkgconfig" / (name + ".pc")).write_text(text)
            (where / "complete").touch()
    return where / "lib/pkgconfig"


def pkg_config_path():
    """Where Meson finds what Windows lacks."""
    return [_library("cmocka", _build_cmocka),
            _library("zydis", _build_zydis),
            _library("libzstd", _build_zstd)]
