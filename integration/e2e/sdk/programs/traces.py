# SPDX-License-Identifier: Apache-2.0
"""Traced functions: what they returned before their task failed is not worked
out again when it is tried again."""

import os

import flyte

from common import check, children, conductor, connect, done, root, same, visit

env = flyte.TaskEnvironment(name="traces", resources=flyte.Resources(cpu=1, memory="250Mi"))


@flyte.trace
async def step(url: str, x: int) -> int:
    visit(url, f"step{x}")
    return x * x


@flyte.trace
async def fall(url: str) -> int:
    visit(url, "fall")
    raise ValueError("a traced failure")


@env.task(retries=1)
async def steps(url: str) -> int:
    total = 0
    for x in (1, 2, 3):
        total += await step(url, x)
    try:
        await fall(url)
    except Exception:
        total += 100
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        raise RuntimeError("after the steps")
    return total


if __name__ == "__main__":
    connect()
    with check("replay"):
        run = done(flyte.run(steps, url=conductor()))
        same(run.outputs()[0], 114)
        same(root(run).attempts, 2)
        traces = children(run)
        same(sorted(t.phase.value for t in traces), ["failed", "succeeded", "succeeded", "succeeded"])
