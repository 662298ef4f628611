# SPDX-License-Identifier: GPL-2.0-only
"""`meson install`, and the bare host built against that copy: it keeps the host
API's contract and boots Linux. The Debian package.

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


def _package(t, where):
    """packaging/deb: what it holds works where it is unpacked."""
    stock = kernels.guest("stock-6.12")
    deb = ui.run([paths.ROOT / "packaging/deb", "-s",
                  "6.12=%s" % stock.debian.headers, where]).split()[-1]
    root = where / "package"
    ui.run(["dpkg-deb", "-R", deb, root])
    for name in ("header_postinst.d", "postinst.d", "postrm.d"):
        hook = root / "etc/kernel" / name / "cvm-platform"
        t.check(hook.exists() and hook.stat().st_mode & 0o111,
                "the package has a hook for /etc/kernel/" + name)
    platform = root / "usr/lib/cvm/platform"
    env = {"CVM_PLATFORM_DIR": str(platform)}
    text = ui.run([root / "usr/bin/cvmctl", "kernel", "check", stock.image],
                  env=env)
    t.check("can be a guest" in text and str(platform / "6.12.o") in text,
            "its cvmctl finds its platform object", text)
    script = (root / "usr/sbin/cvm-platform").read_text()
    sources = root / "usr/share/libcvm/guest-patch/object/build"
    t.check('"/usr/share/libcvm"' in script and sources.exists() and
            "@SOURCES@" not in script, "cvm-platform there knows where its "
            "sources are", script[:2000])
    made = where / "made.o"
    ui.run([sources, "--headers", stock.debian.headers, "--out", made])
    t.check(made.exists(), "and these are all that an object is made of")


def run(t):
    with tempfile.TemporaryDirectory(prefix="cvm-install-") as name:
        where = pathlib.Path(name)
        found = _install(t, where)
        _promises(t, found)
        image = _build_outside(t, where, found)
        ring0.report(t, ring0.run_image(image), "that bare host")
        _boots(t, image, where)
        _package(t, where)
    static = build.meson_dir("static", "-Dstatic_tools=true", "-Dtests=false",
                             "-Dslirp=disabled", "-Dzydis=disabled")
    text = ui.run(["readelf", "-lW", static / "tools/cvmctl/cvmctl"])
    t.check("LOAD" in text and "INTERP" not in text,
            "cvmctl links statically", text)
