"""A stand-in for a training script: a few epochs over a growing list of losses."""

import argparse
import os

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=1)
args = parser.parse_args()

print("mode", os.environ.get("MODE"))
losses = []
for epoch in range(args.epochs):
    losses.append(1 / (epoch + 1))
    print(f"epoch {epoch}: loss {losses[-1]:.3f}")
