# SPDX-License-Identifier: GPL-2.0-only
"""Builds what a run needs: cvmctl, the driver, modules, the agent.

The driver, modules and the agent are cached by the hash of everything they are
made of; what Meson builds lies in one directory per checkout and is brought up
to date by ninja.
"""

import os
import pathlib
import shutil

import mingw
import paths
import ui

JOBS = str(os.cpu_count() or 1)


def static_program(source):
    """A small C program for an initramfs."""
    return program(source, "-static")


def program(source, *flags):
    """A program or library of one C file and the headers beside it, cached by
    content."""
    source = pathlib.Path(source)
    flags = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", *flags)
    headers = sorted(source.parent.glob("*.h"))
    key = paths.content_hash(
        [source, *headers, *paths.files_below("include")], flags)
    path = paths.CACHE / "bin" / ("%s-%s" % (source.stem, key))
    with ui.locked(path):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            ui.run(["gcc", *flags, "-I", paths.ROOT / "include", "-o", part,
                    source])
            ui.run(["strip", "--strip-unneeded", part])
            part.rename(path)
    return path


def agent():
    return static_program(paths.LAB / "agent.c")


_done = {}


def meson_dir(name="native", *options):
    """A configured and built Meson directory of this checkout; made anew when
    it had other options.  What is missing for a part of it is an error."""
    options = ("-Dauto_features=enabled", *options)
    where = paths.checkout_dir() / name
    if where in _done:
        return where
    wanted = "\n".join(str(option) for option in options)
    given = where / "lab-options"
    with ui.locked(where):
        had = given.read_text() if given.exists() else ""
        if had != wanted or not (where / "build.ninja").exists():
            shutil.rmtree(where, ignore_errors=True)
            with ui.step("meson setup " + name):
                ui.run(["meson", "setup", where, paths.ROOT, *options],
                       log=paths.CACHE / "log" / ("meson-%s.log" % name))
            given.write_text(wanted)
        log = paths.CACHE / "log" / ("ninja-%s.log" % name)
        ui.run(["ninja", "-C", where], log=log)
    _done[where] = True
    return where


def windows_dir(name="pe", *options):
    """What is built for Windows."""
    return meson_dir(name, "--cross-file", str(paths.ROOT / ".ci/mingw64.ini"),
                     "-Dpkg_config_path=" + ",".join(
                         str(path) for path in mingw.pkg_config_path()),
                     *options)


def windows_zip(kernels, platforms, initrd):
    """What a Windows user needs, in one archive; kernels are vmlinuz files,
    platforms the objects for their series."""
    where = windows_dir()
    options = ["-Dzip_kernels=" + ",".join(str(k) for k in kernels),
               "-Dzip_platforms=" + ",".join(str(p) for p in platforms),
               "-Dzip_initrd=%s" % initrd]
    given = where / "lab-zip-options"
    with ui.locked(where):
        if not given.exists() or given.read_text() != "\n".join(options):
            ui.run(["meson", "configure", where, *options])
            given.write_text("\n".join(options))
        ui.run(["ninja", "-C", where, "windows-zip"],
               log=paths.CACHE / "log" / "ninja-zip.log")
    return next((where / "hosts/nt").glob("libcvm-*.zip"))


def cvmctl():
    """cvmctl; libraries() has what it needs beside it."""
    path = meson_dir("tools", "-Dtests=false") / "tools/cvmctl/cvmctl"
    if not path.exists():
        raise ui.LabError("the build did not produce %s" % path)
    return path


def sanitized_dir():
    """All of it, built to notice what it does wrong."""
    return meson_dir("sanitized", "-Db_lundef=false",
                     "-Db_sanitize=address,undefined")


def sanitized_cvmctl():
    return sanitized_dir() / "tools/cvmctl/cvmctl"


def libraries(path):
    """The shared libraries of a program, by the paths where it looks for them,
    with the loader's."""
    found = []
    for line in ui.run(["ldd", path]).splitlines():
        words = [w for w in line.split() if w.startswith("/")]
        if not words and "=>" in line:
            raise ui.LabError("%s: %s" % (path, line.strip()))
        found += [pathlib.Path(word) for word in words]
    return found


def driver(kernel):
    """cvm.ko for one host kernel."""
    source = paths.ROOT / "hosts/linux-host"
    key = paths.content_hash(
        paths.files_below("libcvm", "include", "hosts/linux-host",
                          "tests/host", "tools/gen-offsets"),
        kernel.release)
    path = paths.CACHE / "driver" / key / "cvm.ko"
    with ui.locked(path.parent):
        if not path.exists():
            shutil.rmtree(path.parent, ignore_errors=True)
            out = path.parent / "build"
            out.mkdir(parents=True)
            log = paths.CACHE / "log" / ("driver-%s.log" % kernel.release)
            try:
                with ui.step("building the driver for " + kernel.release):
                    ui.run(["make", "-j" + JOBS, "-C", source,
                            "KDIR=%s" % kernel.headers, "O=%s" % out], log=log)
                shutil.copy(out / "cvm.ko", path)
            finally:
                shutil.rmtree(out)
    return path


def module(source, key, headers):
    """A module of one directory, cached; headers(where) unpacks or names the
    tree it is built with."""
    path = paths.CACHE / "modules" / key / (pathlib.Path(source).name + ".ko")
    with ui.locked(path.parent):
        if not path.exists():
            shutil.rmtree(path.parent, ignore_errors=True)
            where = path.parent / "build"
            where.mkdir(parents=True)
            # Kbuild leaves its objects beside the sources.
            shutil.copytree(paths.ROOT / source, where / "module")
            ui.run(["make", "-C", headers(where), "O=",
                    "M=%s" % (where / "module"), "TOP=%s" % paths.ROOT],
                   log=paths.CACHE / "log" / ("module-%s.log" % path.stem))
            shutil.copy(where / "module" / path.name, path)
            shutil.rmtree(where)
    return path


def debian_module(kernel, source):
    """A module of one directory for one of Debian's kernels."""
    key = paths.content_hash(paths.files_below(source, "include"),
                             kernel.release)
    return module(source, key, lambda where: kernel.headers)


def platform_object(kernel, series=None):
    """What makes one of Debian's kernels a guest, by its headers; or all
    kernels of its series."""
    key = paths.content_hash(
        paths.files_below("guest-patch/object", "guest-patch/cvm",
                          "include/cvm"), kernel.release, series or "")
    path = paths.CACHE / "platform" / key / (
        (series or kernel.release) + ".o")
    with ui.locked(path.parent):
        if not path.exists():
            shutil.rmtree(path.parent, ignore_errors=True)
            path.parent.mkdir(parents=True)
            part = path.with_suffix(".part")
            with ui.step("building the guest platform for " +
                         kernel.release):
                ui.run([paths.ROOT / "guest-patch/object/build", "--headers",
                        kernel.headers, "--out", part,
                        *(["--series", series] if series else [])],
                       log=paths.CACHE / "log" / ("platform-%s.log" %
                                                  kernel.release))
            part.rename(path)
    return path
