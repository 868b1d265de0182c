"""The machine of a result: processor, cores, instruction sets, and the code's commit."""

import os
import pathlib
import platform
import subprocess

from simclr_med import devices

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Linux's name of a feature, and the one people know; what convolutions are chosen by.
FEATURES = {
    "avx2": "AVX2",
    "avx512f": "AVX512",
    "avx512_vnni": "AVX512_VNNI",
    "avx512_bf16": "AVX512_BF16",
    "amx_tile": "AMX",
    "sve": "SVE",
    "i8mm": "I8MM",
    "bf16": "BF16",
}


def describe():
    """Return one line: "AMD EPYC, 2 cores, 23 GiB, AVX2 AVX512"."""
    model = " ".join(devices.cpu("model name")) or platform.processor() or platform.machine()
    flags = devices.cpu("flags|Features")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    parts = [model, f"{cores()} cores", f"{memory:.0f} GiB"]
    features = " ".join(word for flag, word in FEATURES.items() if flag in flags)
    return ", ".join(parts + [features] * bool(features))


def cores():
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def commit():
    """Return the commit, with a "+" where the code differs from it; "" outside a repository."""
    head = _git("rev-parse", "--short", "HEAD")
    if head is None:
        return ""
    changed = _git("status", "--porcelain", "--", "*.py", "*.cfg")
    return head + "+" * bool(changed)


def _git(*arguments):
    """Return git's output, None where there is no git or no repository."""
    try:
        done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
