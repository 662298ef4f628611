# SPDX-License-Identifier: GPL-2.0-only
"""`meson install`, and the bare host built against that copy: it keeps the host
API's contract and boots Linux.

libcvm as the writer of another driver gets it: installed headers, libcvm.a,
libcvm.pc and the conformance suite, and a host built out of tree with that copy
alone."""

import pathlib
import re
import shutil
import tempfile

import build
import images
import kernels
import ntbed
import paths
import ring0
import ui

SCRIPT = b"cat /sys/hypervisor/cvm/host\nuname -r\n"
# A function that a header declares: a word in front of a parenthesis that
# opens a parameter list, not inside a comment.
COMMENT = re.compile(r"/\*.*?\*/", re.S)
DECLARED = re.compile(r"^[a-z].*?\b(cvm_\w+)\(", re.M)


def _install(t, where):
    """The files of `meson install`, by name."""
    tree = where / "build"
    ui.run(["meson", "setup", tree, paths.ROOT, "--prefix", where / "prefix",
            "-Dtests=false", "-Dauto_features=enabled"])
    ui.run(["meson", "install", "-C", tree])
    found = {p.name: p for p in (where / "prefix").rglob("*") if p.is_file()}
    headers = [p.name for p in (paths.ROOT / "include/cvm").glob("*.h")]
    for name in ["libcvm.a", "libcvm.pc", "cvmctl", "conformance.c",
                 "conformance.h"] + sorted(headers):
        t.check(name in found, "meson install gives " + name, sorted(found))
    return found


def _promises(t, found):
    """What the headers declare is in the library, and nothing is missing."""
    defined, missing = set(), set()
    for line in ui.run(["nm", "-g", found["libcvm.a"]]).splitlines():
        words = line.split()
        if len(words) == 3:
            defined.add(words[2])
        elif len(words) == 2 and words[0] == "U":
            missing.add(words[1])
    missing -= defined
    t.check(missing <= {"memcpy", "memmove", "memset", "memcmp"},
            "libcvm.a needs four functions at most", sorted(missing))
    for name in ("libcvm.h", "boot.h"):
        text = COMMENT.sub("", found[name].read_text())
        declared = set(DECLARED.findall(text))
        t.check(declared and declared <= defined,
                "libcvm.a has every function of " + name,
                sorted(declared - defined) or text)


def _build_outside(t, where, found):
    outside = where / "bare"
    shutil.copytree(paths.ROOT / "hosts/bare", outside)
    out = ui.run(["make", "-C", outside],
                 env={"PKG_CONFIG_PATH": str(found["libcvm.pc"].parent)})
    t.check((outside / "bare.bin").exists(),
            "the bare host builds out of tree against the installed copy",
            out)
    t.check(str(paths.ROOT) not in out,
            "that build takes nothing from the checkout",
            out)
    return outside / "bare.bin"


def _boots(t, image, where):
    initrd = where / "initrd"
    for series in kernels.SERIES:
        kernel = kernels.guest("built-" + series)
        initrd.write_bytes(images.guest_system(kernel, SCRIPT).bytes())
        result = ring0.run_image(
            image, "mem=128 -- console=hvc0 cvm.lab=auto", mem=512,
            extra=ntbed.modules(kernel.image, initrd))
        what = "a %s guest on that bare host" % series
        ring0.report(t, result, what)
        lines = result.text.replace("\r", "").split("\n")
        at = lines.index("@lab begin") if "@lab begin" in lines else -1
        t.check(at >= 0 and lines[at + 1] == "bare" and
                lines[at + 2].startswith(series + "."), what + " says so",
                ui.tail(result.text))


def run(t):
    with tempfile.TemporaryDirectory(prefix="cvm-install-") as name:
        where = pathlib.Path(name)
        found = _install(t, where)
        _promises(t, found)
        image = _build_outside(t, where, found)
        ring0.report(t, ring0.run_image(image), "that bare host")
        _boots(t, image, where)
    static = build.meson_dir("static", "-Dstatic_tools=true", "-Dtests=false",
                             "-Dslirp=disabled", "-Dzydis=disabled")
    text = ui.run(["readelf", "-lW", static / "tools/cvmctl/cvmctl"])
    t.check("LOAD" in text and "INTERP" not in text,
            "cvmctl links statically", text)
