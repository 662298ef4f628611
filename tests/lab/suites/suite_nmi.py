# SPDX-License-Identifier: GPL-2.0-only
"""An NMI, and a machine check, at every instruction of the switch."""

import suite_ring0


def run(t):
    suite_ring0.run_images(t, [name for name, groups in
                               suite_ring0.groups().items()
                               if "nmi" in groups])
