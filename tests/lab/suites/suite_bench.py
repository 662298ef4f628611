# SPDX-License-Identifier: GPL-2.0-only
"""The scoreboard's promises."""

import bench
import worlds

RATIO = 0.005
CHEAPER = 0.98		# less is no guest, but a measurement gone wrong
# Instructions; a little more than they are.
LIMITS = {"world_switch": 270, "world_switch_fpu": 300, "hypercall_noop": 400}
# Of devices, against native; a little more than they are.
DEVICES = {"block_4k": 3.3, "block_4k_q32": 1.9, "block_64k": 1.6,
           "block_1m": 1.15, "block_flush": 5.7, "tcp_rr": 2.0,
           "tcp_stream": 1.5}
DOORBELLS = {"block_4k": 1.05, "block_4k_q32": 0.05, "block_64k": 1.05,
             "block_1m": 1.05, "block_flush": 2.1}
# Of a request alone: one, and what the time around the row takes.
SWITCHES = 1.4
DEEP_SWITCHES = 0.2


def _devices(t, found):
    for name, limit in DEVICES.items():
        ratio = found[name, "guest"]["ratio"]
        t.check(ratio <= limit, "%s: %.2f of native, at most %.2f" % (
            name, ratio, limit))
    for name, limit in DOORBELLS.items():
        count = found[name, "guest"]["counts"]["doorbells"]
        t.check(0 < count <= limit, "%s: %.3f doorbells an operation, at "
                "most %.2f" % (name, count, limit))
    count = found["block_4k", "guest"]["counts"]["switches"]
    t.check(count < SWITCHES, "a request alone takes %.2f switches, less than "
            "%.1f" % (count, SWITCHES))
    count = found["block_4k_q32", "guest"]["counts"]["switches"]
    t.check(count < DEEP_SWITCHES, "with 32 requests in flight one takes "
            "%.3f switches, less than %.1f" % (count, DEEP_SWITCHES))
    for world in worlds.QUICK:
        t.equal(found["block_flush", world]["counts"]["syncs"], 1.0,
                "%s: each fdatasync is one of the host's" % world)


def run(t):
    rows = bench.all_rows(t.guest, worlds.QUICK)
    bench.show(rows)
    found = {(r["row"], r["world"]): r for r in rows}
    native = found["getppid", "native"]["value"]
    inner = found["getppid", "guest"]["value"]
    t.check(native == inner, "getppid: %.3f natively, %.3f in the guest" % (
        native, inner))
    for name in ("fork", "exec", "anon_fault"):
        ratio = found[name, "guest"]["ratio"]
        t.check(CHEAPER <= ratio <= 1 + RATIO,
                "%s: %.4f of native, at most %.1f %% above" %
                (name, ratio, 100 * RATIO))
    for name, limit in LIMITS.items():
        value = found[name, "bare"]["value"]
        t.check(value <= limit, "%s: %.0f <= %d instructions" % (
            name, value, limit))
    _devices(t, found)
