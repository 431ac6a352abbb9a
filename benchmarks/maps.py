"""Maps: how long they take, how far they can be trusted, and what the way back costs, side by side with the libraries.

python -m benchmarks.maps [--json] [--n 10000]     the figures
python -m benchmarks.maps --ship                   where the shipped maps lie, measured and written beside the weights
"""

from __future__ import annotations

import argparse

from manigen import maps, weights


def ship() -> dict[str, int]:
    """Measure every shipped map, and throw away what belongs to maps that are shipped no more."""
    wanted = set()
    for name in weights.names():
        if weights.folder_of(name).parent != weights.SHIPPED:
            continue
        z = weights.codes(name).z
        for method in weights.maps(name):
            p = weights.load_map(name, method, z).p
            wanted |= {maps.ship_distortion(z, p), maps.ship_ways(z, p)}
            print(name, method, flush=True)
    stale = [path for path in maps.SHIPPED.glob("*.npz") if path not in wanted]
    for path in stale:
        path.unlink()
    return {"shipped": len(wanted), "removed": len(stale)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ship", action="store_true")
    given = parser.parse_args()
    if given.ship:
        print(ship())


if __name__ == "__main__":
    main()
