# SPDX-License-Identifier: GPL-2.0-only
"""The lab's side of agent.c: frames over a byte stream, and the commands that
run at its other end."""

import struct
import zlib

MAGIC = b"\xc5\x1eV\x9d"
HEAD = 20
DATA = 4096
WINDOW = 65536

EXEC, STDIN, SIGNAL, RESIZE = 1, 2, 3, 4
HELLO, STDOUT, STDERR, EXIT, ACK, BEAT = 16, 17, 18, 19, 20, 21

EXEC_TTY = 1


def encode(kind, ident, data=b""):
    head = MAGIC + struct.pack("<B3xII", kind, ident, len(data))
    return head + struct.pack("<I", zlib.crc32(head + data)) + data


def escape(data):
    """For a console, which takes ctrl-O for the start of a SysRq command."""
    return data.replace(b"\x10", b"\x10P").replace(b"\x0f", b"\x10O")


class Decoder:
    """Takes frames out of a stream; what is between them is text (a console
    also carries kernel messages)."""

    def __init__(self):
        self._buf = b""

    def feed(self, data):
        """Yield ("text", bytes) and ("frame", kind, ident, bytes)."""
        self._buf += data
        while self._buf:
            at = self._buf.find(MAGIC)
            if at < 0:
                keep = self._partial_magic()
                text, self._buf = (self._buf[:len(self._buf) - keep],
                                   self._buf[len(self._buf) - keep:])
                if text:
                    yield ("text", text)
                return
            if at:
                yield ("text", self._buf[:at])
                self._buf = self._buf[at:]
            if len(self._buf) < HEAD:
                return
            kind, ident, length, crc = struct.unpack_from(
                "<B3xIII", self._buf, 4)
            if length <= DATA and len(self._buf) < HEAD + length:
                return
            data = self._buf[HEAD:HEAD + length]
            if length > DATA or zlib.crc32(self._buf[:16] + data) != crc:
                yield ("text", self._buf[:1])
                self._buf = self._buf[1:]
                continue
            self._buf = self._buf[HEAD + length:]
            yield ("frame", kind, ident, data)

    def _partial_magic(self):
        for keep in range(min(len(MAGIC) - 1, len(self._buf)), 0, -1):
            if self._buf.endswith(MAGIC[:keep]):
                return keep
        return 0


class Process:
    """A command at the other end.  status is None until it has ended."""

    def __init__(self, channel, ident, stdout=None, stderr=None):
        self._channel = channel
        self.ident = ident
        self.status = None
        self.out = b""
        self.err = b""
        self.in_flight = 0
        self._queue = b""
        self._eof = False
        self._on_out = stdout
        self._on_err = stderr

    def output(self, kind, data):
        if kind == STDOUT:
            if self._on_out:
                self._on_out(data)
            else:
                self.out += data
        elif self._on_err:
            self._on_err(data)
        else:
            self.err += data

    def write(self, data):
        self._queue += data
        self.push()

    def close_stdin(self):
        self._eof = True
        self.push()

    def backlog(self):
        return len(self._queue) + self.in_flight

    def push(self):
        """Send as much input as the other end has room for."""
        while self._queue and self.in_flight < WINDOW:
            part, self._queue = self._queue[:DATA], self._queue[DATA:]
            self.in_flight += len(part)
            self._channel.send(STDIN, self.ident, part)
        if self._eof and not self._queue:
            self._channel.send(STDIN, self.ident)
            self._eof = False

    def signal(self, number):
        self._channel.send(SIGNAL, self.ident, struct.pack("<I", number))

    def resize(self, rows, cols):
        self._channel.send(RESIZE, self.ident, struct.pack("<HH", rows, cols))


class Channel:
    """All commands of one agent.  `transmit` takes bytes for it, `feed` gets
    what it said."""

    def __init__(self, transmit):
        self.hello = False
        self.text = b""
        self.sign_of_life = None
        self._transmit = transmit
        self._decoder = Decoder()
        self._processes = {}
        self._next = 1

    def send(self, kind, ident, data=b""):
        self._transmit(escape(encode(kind, ident, data)))

    def spawn(self, argv, tty=None, stdout=None, stderr=None):
        """tty is None or (rows, cols)."""
        proc = Process(self, self._next, stdout, stderr)
        self._next += 1
        self._processes[proc.ident] = proc
        args = b"".join(_bytes(a) + b"\0" for a in argv)
        rows, cols = tty or (0, 0)
        data = struct.pack("<IHH", EXEC_TTY if tty else 0, rows, cols) + args
        if len(data) > DATA:
            raise ValueError("command line over %d bytes" % DATA)
        self.send(EXEC, proc.ident, data)
        return proc

    def feed(self, data, now):
        for item in self._decoder.feed(data):
            self.sign_of_life = now
            if item[0] == "text":
                self.text += item[1]
                continue
            _, kind, ident, payload = item
            if kind == HELLO:
                self.hello = True
            proc = self._processes.get(ident)
            if not proc:
                continue
            if kind in (STDOUT, STDERR):
                proc.output(kind, payload)
            elif kind == ACK:
                proc.in_flight -= struct.unpack("<I", payload)[0]
                proc.push()
            elif kind == EXIT:
                proc.status = struct.unpack("<I", payload)[0]
                del self._processes[ident]


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode(
        "utf-8", "surrogateescape")
