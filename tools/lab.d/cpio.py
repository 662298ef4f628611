# SPDX-License-Identifier: GPL-2.0-only
"""Writes initramfs archives (cpio "newc"), without root and the same bytes
every time.  The kernel takes several archives one after another, so a run can
append its own."""

import stat


class Archive:
    def __init__(self):
        self._parts = []
        self._inode = 1
        self._dirs = set()

    def _entry(self, name, mode, data=b"", device=(0, 0)):
        raw = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0,
                  device[0], device[1], len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields)
        self._inode += 1
        for part in (head + raw, data):
            self._parts.append(part + b"\0" * (-len(part) % 4))

    def mkdir(self, name):
        name = name.strip("/")
        if not name or name in self._dirs:
            return
        if "/" in name:
            self.mkdir(name.rpartition("/")[0])
        self._dirs.add(name)
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        name = name.strip("/")
        self.mkdir(name.rpartition("/")[0])
        if isinstance(data, str):
            data = data.encode()
        self._entry(name, stat.S_IFREG | mode, data)

    def symlink(self, name, target):
        name = name.strip("/")
        self.mkdir(name.rpartition("/")[0])
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def chardev(self, name, major, minor):
        name = name.strip("/")
        self.mkdir(name.rpartition("/")[0])
        self._entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def bytes(self):
        self._entry("TRAILER!!!", 0)
        return b"".join(self._parts)
