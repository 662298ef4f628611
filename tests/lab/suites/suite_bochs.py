# SPDX-License-Identifier: GPL-2.0-only
"""The same under Bochs, which keeps stale translations that QEMU forgets: with
the flush patched out the image must fail."""

import suite_ring0


def run(t):
    suite_ring0.run_images(t, [name for name, groups in
                               suite_ring0.groups().items()
                               if "bochs" in groups])
