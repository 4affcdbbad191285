# SPDX-License-Identifier: Apache-2.0
"""Width and depth: more children than the machine has room for, a chain of
parents that all wait, and a limit on how many actions run at a time."""

import asyncio
import sys

import flyte

from common import check, children, conductor, connect, done, same, visit

env = flyte.TaskEnvironment(name="many", resources=flyte.Resources(cpu=1, memory="200Mi"))
small = flyte.TaskEnvironment(name="small", resources=flyte.Resources(cpu="100m", memory="150Mi"))
env.add_dependency(small)


@env.task
async def tiny(x: int) -> int:
    return x + 1


@env.task
async def wide(n: int) -> int:
    return sum(await asyncio.gather(*(tiny(x) for x in range(n))))


@env.task
async def deep(n: int) -> int:
    return 0 if n == 0 else 1 + await deep(n - 1)


@small.task
async def held(url: str, x: int) -> int:
    visit(url, "in")
    await asyncio.sleep(0.3)
    visit(url, "out")
    return x


@env.task
async def few(url: str) -> int:
    return sum(await asyncio.gather(*(held(url, x) for x in range(5))))


if __name__ == "__main__":
    connect()
    width = int(sys.argv[1])
    with check("wide"):
        run = done(flyte.run(wide, n=width))
        same(run.outputs()[0], width * (width + 1) // 2)
        same(len(children(run)), width)
    with check("deep"):
        same(done(flyte.run(deep, n=10)).outputs()[0], 10)
    with check("max_action_concurrency"):
        run = done(flyte.with_runcontext(max_action_concurrency=3).run(few, url=conductor()))
        same(run.outputs()[0], 10)
