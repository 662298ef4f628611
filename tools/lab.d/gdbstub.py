# SPDX-License-Identifier: GPL-2.0-only
"""Just enough of gdb's remote protocol to stop QEMU's CPU at an instruction
and look around."""

import socket
import struct
import time

import paths
import ui


class Stub:
    def __init__(self, path, limit=30):
        limit *= paths.PATIENCE
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(limit)
        self._buf = b""
        end = time.monotonic() + limit
        while True:
            try:
                self._sock.connect(str(path))
                break
            except OSError:
                if time.monotonic() > end:
                    raise ui.LabError("no gdb stub at %s" % path)
                time.sleep(0.02)

    def close(self):
        self._sock.close()

    def _byte(self):
        if not self._buf:
            self._buf = self._sock.recv(65536)
            if not self._buf:
                raise EOFError("the machine ended")
        first, self._buf = self._buf[:1], self._buf[1:]
        return first

    def _receive(self):
        while self._byte() != b"$":
            pass
        data = b""
        while True:
            byte = self._byte()
            if byte == b"#":
                break
            data += byte
        self._byte()
        self._byte()
        self._sock.sendall(b"+")
        return data.decode("latin-1")

    def _send(self, text):
        raw = text.encode()
        self._sock.sendall(b"$%s#%02x" % (raw, sum(raw) & 255))

    def ask(self, text):
        self._send(text)
        return self._receive()

    def go(self):
        """Continue to the next stop; None when the machine has ended."""
        self._send("c")
        return self._stopped()

    def step(self):
        self._send("s")
        return self._stopped()

    def _stopped(self):
        while True:
            try:
                answer = self._receive()
            except EOFError:
                return None
            if answer[:1] in "TS":
                return answer
            if answer[:1] in "WX":
                return None

    def breakpoint(self, address):
        if self.ask("Z1,%x,1" % address) != "OK":
            raise ui.LabError("no breakpoint at 0x%x" % address)

    def remove(self, address):
        self.ask("z1,%x,1" % address)

    def registers(self):
        """The sixteen general registers and RIP, in gdb's order."""
        raw = bytes.fromhex(self.ask("g")[:17 * 16])
        return struct.unpack("<17Q", raw)

    def rip(self):
        return self.registers()[16]

    def read(self, address, length):
        return bytes.fromhex(self.ask("m%x,%x" % (address, length)))

    def u64(self, address):
        return struct.unpack("<Q", self.read(address, 8))[0]
