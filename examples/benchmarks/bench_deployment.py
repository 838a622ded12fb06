"""After the fit, all figures: ``python examples/benchmarks/bench_deployment.py [part ...]``.

Runs the scripts of the parts one after the other, with their own defaults; each takes options of
its own when it is called alone. Needs the bank (``bank.py``) and the development collection
(``tasks.py``).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

PARTS = {
    "gaps": ("experts that are missing only later", "bench_gaps.py"),
    "mechanisms": ("other ways to do without experts", "bench_gap_mechanisms.py"),
    "shares": ("gaps in the fit data", "bench_gap_shares.py"),
    "adapt": ("a few labels of another site", "bench_adapt.py"),
    "prior": ("another prevalence", "bench_prior.py"),
    "extend": ("a new expert", "bench_extend.py"),
    "path": ("which few experts suffice", "bench_expert_path.py"),
    "certificate": ("bounds on patients to come", "bench_certificate.py"),
}


def main():
    """Run the parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    told = "; ".join(f"{name}: {what}" for name, (what, _) in PARTS.items())
    parser.add_argument("parts", nargs="*", metavar="part", help=f"all if not given. {told}")
    parts = parser.parse_args().parts or list(PARTS)
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}: there are {', '.join(PARTS)}")
    for part in parts:
        what, script = PARTS[part]
        print(f"\n=== {part}: {what} ({script})", flush=True)
        subprocess.run([sys.executable, str(Path(__file__).with_name(script))], check=True)


if __name__ == "__main__":
    main()
