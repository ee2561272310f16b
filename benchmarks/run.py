"""Every benchmark, one after the other, each in a process of its own: what `make bench` runs.

    run.py [NAME…]      only these (cluster, dashboard, …)

Each prints its own figures; seconds are of this machine, ratios are to something measured in the same run.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    wanted = sys.argv[1:]
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    if unknown := [name for name in wanted if name not in known]:
        sys.stderr.write(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(known)}\n")
        return 2
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.release()}"
    )
    failed = []
    for name in wanted or known:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, str(HERE / f"bench_{name}.py")], check=False).returncode:
            failed.append(name)
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
