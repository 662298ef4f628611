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


def labels(offsets_dir):
    """{label: offset} of switch.S with its local labels: assembled again,
    because an object file drops them."""
    source = ROOT / "libcvm/x86/switch.S"
    with tempfile.TemporaryDirectory(prefix="cvm-labels-") as name:
        out = pathlib.Path(name) / "switch.o"
        _run("cc", "-c", "-fPIE", "-Wa,--keep-locals", "-I", offsets_dir,
             "-I", ROOT / "include", "-o", out, source)
        found = symbols(out)
    base = found["cvm_passage_start"]
    return {n.lstrip("."): a - base for n, a in found.items()}


def instructions(elf, start, end):
    """[(offset, text)] of every instruction between two addresses; padding
    is none."""
    text = _run("objdump", "-d", "--no-show-raw-insn",
                "--start-address=0x%x" % start, "--stop-address=0x%x" % end,
                elf)
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*([0-9a-f]+):\t(.*?)\s*(#.*)?$", line)
        if match and match.group(2).strip() not in ("int3", "(bad)"):
            found.append((int(match.group(1), 16) - start, match.group(2)))
    return found


class Passage:
    """The switch in an image: its instructions, where each runs."""

    def __init__(self, build):
        self.symbol = symbols(build.elf)
        self.host = self.symbol["cvm_passage_start"]
        self.insns = instructions(build.elf, self.host,
                                  self.symbol["cvm_passage_end"])
        self.label = labels(build.offsets)
        for name in ("cvm_passage_far", "cvm_flush_begin",
                     "cvm_passage_gates"):
            if self.label[name] != self.symbol[name] - self.host:
                raise ui.LabError("switch.S and the image differ: build it")

    def address(self, offset, world):
        return (PASSAGE_GVA if world == "guest" else self.host) + offset

    def name(self, offset):
        """The label at or before an offset."""
        best = max((o, n) for n, o in self.label.items()
                   if o <= offset and n != "cvm_passage_start" or o == 0)
        return "%s+0x%x" % (best[1], offset - best[0])
