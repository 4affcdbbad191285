"""Builds a table of features in memory, as a data job does on its first day.

    features.py ROWS

Each row costs about a kilobyte. It works in a test with 1,000 rows and runs
out of memory with the real number.
"""

import random
import sys

rows = int(sys.argv[1])
random.seed(7)
table = []
for n in range(rows):
    table.append({"id": n, "name": f"row {n}", "embedding": [random.random() for _ in range(24)]})
    if (n + 1) % 20000 == 0:
        print(f"{n + 1} rows", flush=True)

mean = sum(row["embedding"][0] for row in table) / rows
print(f"done: {rows} rows, mean {mean:.4f}")
