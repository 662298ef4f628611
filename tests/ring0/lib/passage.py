# SPDX-License-Identifier: GPL-2.0-only
"""What the image's symbols and the switch's disassembly say."""

import pathlib
import re
import subprocess
import tempfile

import ui

ROOT = pathlib.Path(__file__).resolve().parents[3]
PASSAGE_GVA = 0xffffffffff200000	# G_PASSAGE_GVA of ctl.h


def _run(*argv):
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise ui.LabError("%s: %s" % (argv[0], done.stdout.decode()))
    return done.stdout.decode()


def symbols(elf):
    """{name: address} of an ELF file."""
    found = {}
    for line in _run("nm", elf).splitlines():
        words = line.split()
        if len(words) == 3 and words[1] in "tTdDbBrR":
            found[words[2]] = int(words[0], 16)
    return found


def _assembled(offsets_dir, out):
    """switch.S with its local labels, which an object file drops."""
    _run("cc", "-c", "-fPIE", "-Wa,--keep-locals", "-I", offsets_dir,
         "-I", ROOT / "include", "-o", out, ROOT / "libcvm/x86/switch.S")
    found = symbols(out)
    base = found["cvm_passage_start"]
    return {n.lstrip("."): a - base for n, a in found.items()}


def instructions(code, *part):
    """[(offset, text)] of every instruction of a part of a file, named by
    options of objdump; padding is none."""
    text = _run("objdump", "-d", "--no-show-raw-insn", *part, code)
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*([0-9a-f]+):\t(.*?)\s*(#.*)?$", line)
        if match and match.group(2).strip() not in ("int3", "(bad)"):
            found.append((int(match.group(1), 16), match.group(2)))
    return [(at - found[0][0], insn) for at, insn in found]


def _shape(insns):
    """What is the same wherever the code lies."""
    return [(offset, text.split()[0]) for offset, text in insns]


class Passage:
    """The switch in an image: its instructions, where each runs.  driver: a
    PE file that the image loads and that has the switch in a section of its
    own; .host is where that comes to lie, once it is known."""

    def __init__(self, elf, offsets_dir, driver=None):
        self.symbol = symbols(elf)
        if driver:
            self.host = None
            self.insns = instructions(driver, "-j", "PASSAGE")
        else:
            self.host = self.symbol["cvm_passage_start"]
            self.insns = instructions(
                elf, "--start-address=0x%x" % self.host,
                "--stop-address=0x%x" % self.symbol["cvm_passage_end"])
        with tempfile.TemporaryDirectory(prefix="cvm-labels-") as name:
            again = pathlib.Path(name) / "switch.o"
            self.label = _assembled(offsets_dir, again)
            source = instructions(
                again, "-j", ".text.cvm_passage",
                "--stop-address=0x%x" % self.label["cvm_passage_end"])
        if _shape(self.insns) != _shape(source):
            raise ui.LabError("switch.S and the image differ: build it")

    def address(self, offset, world):
        return (PASSAGE_GVA if world == "guest" else self.host) + offset

    def name(self, offset):
        """The label at or before an offset."""
        best = max((o, n) for n, o in self.label.items()
                   if o <= offset and n != "cvm_passage_start" or o == 0)
        return "%s+0x%x" % (best[1], offset - best[0])
