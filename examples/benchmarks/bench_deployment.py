"""After the fit, all figures: ``python examples/benchmarks/bench_deployment.py [part ...]``.

Runs the scripts of the parts one after the other, with the options that gave the tables of the
documentation. Needs the bank (``bank.py``) and the development collection
(``tasks.py``).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

PARTS = {
    "gaps": ("experts that are missing only later", "bench_gaps.py --kind classes --repeats 2"),
    "survival": ("the same of survival", "bench_gaps.py --kind survival --repeats 2"),
    "mechanisms": ("other ways to do without experts", "bench_gap_mechanisms.py"),
    "shares": ("gaps in the fit data", "bench_gap_shares.py"),
    "adapt": ("a few labels of another site", "bench_adapt.py --refit"),
    "prior": ("another prevalence", "bench_prior.py --repeats 2"),
    "extend": ("a new expert", "bench_extend.py --repeats 2"),
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
        what, line = PARTS[part]
        print(f"\n=== {part}: {what} ({line})", flush=True)
        script, *options = line.split()
        path = Path(__file__).with_name(script)
        subprocess.run([sys.executable, str(path), *options], check=True)


if __name__ == "__main__":
    main()
