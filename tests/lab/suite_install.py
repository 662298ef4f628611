# SPDX-License-Identifier: GPL-2.0-only
"""libcvm as an outside driver writer gets it: installed headers, libcvm.a and
libcvm.pc, and the bare host built out of tree against that copy."""

import pathlib
import shutil
import tempfile

import build
import paths
import ui


def _build_outside(t, where):
    prefix = where / "prefix"
    tree = where / "build"
    ui.run(["meson", "setup", tree, paths.ROOT, "--prefix", prefix,
            "-Dtests=false"])
    ui.run(["meson", "install", "-C", tree])
    found = {p.name: p for p in prefix.rglob("*") if p.is_file()}
    for name in ("libcvm.a", "libcvm.pc", "abi.h", "host.h", "libcvm.h",
                 "uapi.h", "cvmctl"):
        t.check(name in found, "meson install gives " + name,
                sorted(found))
    outside = where / "bare"
    shutil.copytree(paths.ROOT / "hosts/bare", outside)
    out = ui.run(["make", "-C", outside],
                 env={"PKG_CONFIG_PATH": str(found["libcvm.pc"].parent)})
    t.check((outside / "bare.bin").exists(),
            "the bare host builds out of tree against the installed copy",
            out)
    source = str(paths.ROOT)
    t.check(source not in out, "and takes nothing from the checkout", out)
    return outside / "bare.bin"


def _runs(t, image):
    import ring0
    result = ring0.run_image(image)
    t.check(result.status == ring0.EXIT_PASS,
            "that bare host passes in QEMU", ui.tail(result.text))


def run(t):
    with tempfile.TemporaryDirectory(prefix="cvm-install-") as where:
        image = _build_outside(t, pathlib.Path(where))
        _runs(t, image)
    t.check(build.cvmctl().exists(), "cvmctl links statically")
