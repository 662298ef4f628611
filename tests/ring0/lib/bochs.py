# SPDX-License-Identifier: GPL-2.0-only
"""Boots the ring-0 image in Bochs, from a disk with the bare host's boot
sector."""

import pathlib
import struct
import subprocess
import tempfile

import children
import paths
import ring0

SECTOR = 512
CYLINDER = 16 * 63 * SECTOR
IMAGE_SECTORS = 0x1f0		# fields of hosts/bare/disk.S
CMDLINE = 0x600
CMDLINE_BYTES = 0x200

# Virtual time runs by instructions, as fast as the host can; a low number of
# them a second shortens the BIOS's own delays.
CONFIG = """\
display_library: rfb, options="timeout=0"
megs: 256
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model=%s, count=1, ips=20000000, reset_on_triple_fault=0
ata0-master: type=disk, path=disk.img, mode=flat, cylinders=%d, heads=16, spt=63
boot: disk
port_e9_hack: enabled=1
com1: enabled=0
clock: sync=none, time0=1, rtc_sync=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
speaker: enabled=0
log: bochs.log
panic: action=fatal
"""


def disk(boot_file, image, cmdline):
    """The disk's bytes."""
    boot = bytearray(boot_file.read_bytes())
    text = ("ring0 " + cmdline).encode() + b"\0"
    if len(text) > CMDLINE_BYTES:
        raise ValueError("command line too long")
    image += bytes(-len(image) % SECTOR)
    struct.pack_into("<I", boot, IMAGE_SECTORS, len(image) // SECTOR)
    boot[CMDLINE:CMDLINE + len(text)] = text
    whole = bytes(boot) + image
    return whole + bytes(-len(whole) % CYLINDER)


def run(boot_file, image, cmdline, cpu, limit):
    with tempfile.TemporaryDirectory(prefix="cvm-bochs-") as name:
        where = pathlib.Path(name)
        whole = disk(boot_file, image, cmdline)
        (where / "disk.img").write_bytes(whole)
        (where / "bochsrc").write_text(
            CONFIG % (cpu, len(whole) // CYLINDER))
        (where / "go").write_text("c\n")
        with open(where / "out", "wb") as out:
            emulator = subprocess.Popen(
                ["bochs", "-q", "-f", "bochsrc", "-rc", "go"], cwd=where,
                stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT,
                preexec_fn=children.die_with_parent)
            limit *= paths.PATIENCE
            try:
                emulator.wait(limit)
                late = ""
            except subprocess.TimeoutExpired:
                late = "\ntimeout after %d s\n" % limit
            finally:
                emulator.kill()
                emulator.wait()
        text = (where / "out").read_bytes().decode("utf-8", "replace")
        text = text[max(text.find("bare host:"), 0):]
        if "bare host:" not in text and (where / "bochs.log").exists():
            text += (where / "bochs.log").read_text(errors="replace")[-2000:]
    # Bochs has no exit status of the guest's: the summary line is it.
    good = " 0 failed, " in text and not late
    return ring0.Result(ring0.EXIT_PASS if good else "bochs", text + late)
