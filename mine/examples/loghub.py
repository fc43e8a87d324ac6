"""Runs Drain3 with its default options on LogHub-2k, beside loghub.rs: loghub.py FOLDER (pip install drain3)."""

import csv
import pathlib
import sys
import time
from collections import defaultdict

from drain3 import TemplateMiner


def grouping(found, truth):
    by_found, by_truth = defaultdict(list), defaultdict(list)
    for line, (group, event) in enumerate(zip(found, truth)):
        by_found[group].append(line)
        by_truth[event].append(line)
    right = sum(len(lines) for lines in by_found.values() if by_truth[truth[lines[0]]] == lines)
    return right / len(found)


def main():
    rows, seconds, lines = [], 0.0, 0
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*_structured.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            table = list(csv.DictReader(file))
        miner = TemplateMiner()
        begin = time.perf_counter()
        found = [miner.add_log_message(row["Content"])["cluster_id"] for row in table]
        seconds += time.perf_counter() - begin
        names = {cluster.cluster_id: cluster.get_template() for cluster in miner.drain.clusters}
        ga = grouping(found, [row["EventId"] for row in table])
        pa = sum(names[g] == " ".join(row["EventTemplate"].split()) for g, row in zip(found, table)) / len(table)
        rows.append((ga, pa))
        lines += len(table)
        print(f"{path.name.split('_')[0]:<12} {ga:>6.3f} {pa:>6.3f} {len(names):>6}")
    print(f"{'average':<12} {sum(r[0] for r in rows) / len(rows):>6.3f} {sum(r[1] for r in rows) / len(rows):>6.3f}")
    print(f"{lines} lines in {seconds:.3f} s, {lines / seconds:.0f} lines/s")


if __name__ == "__main__":
    main()
