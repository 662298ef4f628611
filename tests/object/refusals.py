#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What guest-patch/object/build refuses: one line, status 1, no object.

usage: refusals.py CHECKOUT
"""
import pathlib
import subprocess
import sys
import tempfile

GOOD = ("X86_64", "SMP", "HVC_DRIVER", "SECURITY", "KALLSYMS_ALL", "MODULES")
FILES = ("Makefile", "include/config/auto.conf",
         "include/generated/utsrelease.h")
failed = 0


def headers(where, config):
    for name in FILES:
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_text("")
    (where / FILES[1]).write_text(
        "".join("CONFIG_%s=y\n" % name for name in config))
    (where / FILES[2]).write_text('#define UTS_RELEASE "6.12.0"\n')


def expect(build, where, words, *options):
    global failed
    out = where.parent / "out.o"
    done = subprocess.run([build, "--headers", where, "--out", out, *options],
                          capture_output=True, text=True, check=False)
    errors = [x for x in done.stderr.splitlines() if " error: " in x]
    good = (done.returncode == 1 and len(errors) == 1 and words in errors[0]
            and not done.stdout and not out.exists())
    print("%s: %s" % ("ok" if good else "FAILED", words))
    if not good:
        print(done.returncode, done.stdout, done.stderr)
        failed = 1


def main():
    build = pathlib.Path(sys.argv[1]) / "guest-patch/object/build"
    with tempfile.TemporaryDirectory() as scratch:
        where = pathlib.Path(scratch) / "headers"
        expect(build, where, "no such directory")
        where.mkdir()
        for name in FILES:
            headers(where, GOOD)
            (where / name).unlink()
            expect(build, where, "has no " + name)
        for name in GOOD:
            headers(where, [x for x in GOOD if x != name])
            expect(build, where, "CONFIG_%s is not set: " % name)
        headers(where, GOOD + ("CFI_CLANG",))
        expect(build, where, "CONFIG_CFI_CLANG is set: ")
        headers(where, GOOD)
        expect(build, where, "not of the series 6.1", "--series", "6.1")
        expect(build, where, "did not compile")
    return failed


if __name__ == "__main__":
    sys.exit(main())
