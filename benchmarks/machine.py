"""What a result was measured on: processor, cores, the features that decide, and the code."""

import os
import pathlib
import platform
import re
import subprocess

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
    text = _cpuinfo()
    model = _value(text, "model name") or platform.processor() or platform.machine()
    flags = (_value(text, "flags") or _value(text, "Features")).split()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    parts = [model, f"{cores()} cores", f"{memory:.0f} GiB"]
    features = " ".join(word for flag, word in FEATURES.items() if flag in flags)
    return ", ".join(parts + [features] * bool(features))


def computes_bfloat16():
    """Return whether the processor multiplies bfloat16 itself; others imitate it, slowly."""
    return any(word in describe() for word in ("BF16", "AMX"))


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


def _cpuinfo():
    file = pathlib.Path("/proc/cpuinfo")
    return file.read_text() if file.exists() else ""


def _value(cpuinfo, name):
    found = re.search(rf"^{name}\s*: (.*)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else ""


def _git(*arguments):
    """What git prints, None where there is no git or no repository."""
    try:
        done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
