# SPDX-License-Identifier: Apache-2.0
"""Runs commands side by side and says what they cost: wall and CPU seconds, peak memory, ratios of medians.

CPU seconds and memory come from the kernel's own account of each finished child (wait4). The commands of one
comparison take turns (A B A B ...), so that a machine that gets slower meanwhile slows all of them.
"""
import os
import statistics
import subprocess
import time


class Run:
    def __init__(self, wall, cpu, peak_mib, output):
        self.wall, self.cpu, self.peak_mib, self.output = wall, cpu, peak_mib, output


def run(command, before=None):
    """One run of a command (a list); `before` is called first and not timed. Fails loudly."""
    if before:
        before()
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"bench: {' '.join(command)} ended with {process.returncode}:\n{output[-2000:]}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def compare(title, contestants, rounds=5, per=None, unit="records"):
    """contestants: [(name, command, before)]; the first one is ours. Prints a table with ratios to it."""
    runs = {name: [] for name, _, _ in contestants}
    for number in range(rounds + 1):
        for name, command, before in contestants:
            result = run(command, before)
            if number > 0:  # the first round warms the caches
                runs[name].append(result)
    print(f"\n{title} (median of {rounds} runs in turn)")
    head = f"{'':34s} {'wall s':>9s} {'cpu s':>9s} {'peak MiB':>9s}"
    print(head + (f" {unit + '/s':>14s}" if per else "") + "   wall and cpu beside the first")
    ours = None
    for name, _, _ in contestants:
        wall = statistics.median(r.wall for r in runs[name])
        cpu = statistics.median(r.cpu for r in runs[name])
        peak = max(r.peak_mib for r in runs[name])
        ours = ours or (wall, cpu)
        line = f"{name:34s} {wall:9.3f} {cpu:9.3f} {peak:9.0f}"
        if per:
            line += f" {per / wall:14,.0f}"
        print(line + f"   {wall / ours[0]:.2f}x  {cpu / ours[1]:.2f}x", flush=True)
    return runs
