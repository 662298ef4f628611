# SPDX-License-Identifier: GPL-2.0-only
"""The scoreboard's promises."""

import bench

RATIO = 0.005
# Instructions; a little more than they are.
LIMITS = {"world_switch": 270, "world_switch_fpu": 300, "hypercall_noop": 400}


def run(t):
    rows = bench.all_rows()
    bench.show(rows)
    found = {(r["row"], r["world"]): r for r in rows}
    native = found["getppid", "native"]["value"]
    inner = found["getppid", "guest"]["value"]
    t.check(native == inner, "getppid: %.3f natively, %.3f in the guest" % (
        native, inner))
    for name in ("fork", "exec", "anon_fault"):
        ratio = found[name, "guest"]["ratio"]
        t.check(abs(ratio - 1) <= RATIO, "%s: %.4f of native, within %.1f %%"
                % (name, ratio, 100 * RATIO))
    for name, limit in LIMITS.items():
        value = found[name, "bare"]["value"]
        t.check(value <= limit, "%s: %.0f <= %d instructions" % (
            name, value, limit))
