# SPDX-License-Identifier: Apache-2.0
"""Results that are kept: found again, made anew on demand, worked out once when
two want them at a time, and too old."""

import asyncio
import time
from datetime import timedelta

import flyte

from common import check, children, conductor, connect, done, root, same, tell, visit

env = flyte.TaskEnvironment(name="caching", resources=flyte.Resources(cpu=1, memory="250Mi"))

VERSION = flyte.Cache(behavior="override", version_override="1")


@env.task(cache=VERSION)
async def square(url: str, x: int) -> int:
    visit(url, "square")
    return x * x


@env.task
async def caller(url: str, x: int) -> int:
    return await square(url, x)


@env.task(cache=flyte.Cache(behavior="override", version_override="1", serialize=True))
async def slow(url: str) -> int:
    visit(url, "slow")
    return 7


@env.task
async def twice(url: str) -> list[int]:
    return list(await asyncio.gather(slow(url), slow(url)))


@env.task(cache=flyte.Cache(behavior="override", version_override="1", max_age=timedelta(seconds=1)))
async def aging(url: str) -> int:
    visit(url, "aging")
    return 1


def status(run):
    (child,) = children(run)
    return child.status.cache_status


if __name__ == "__main__":
    connect()
    url = conductor()
    hit, populated = 2, 3
    with check("miss"):
        run = done(flyte.run(caller, url=url, x=5))
        same((run.outputs()[0], status(run)), (25, populated))
    with check("hit"):
        run = done(flyte.run(caller, url=url, x=5))
        same((run.outputs()[0], status(run)), (25, hit))
    with check("a hit of the root task"):
        # Its key is the server's own, a child's is the SDK's: they do not meet.
        run = done(flyte.run(square, url=url, x=5))
        same((run.outputs()[0], root(run).status.cache_status), (25, populated))
        run = done(flyte.run(square, url=url, x=5))
        same((run.outputs()[0], root(run).status.cache_status), (25, hit))
        tell(hit=run.name)
    with check("other inputs"):
        run = done(flyte.run(caller, url=url, x=6))
        same((run.outputs()[0], status(run)), (36, populated))
    with check("overwrite"):
        run = done(flyte.with_runcontext(overwrite_cache=True).run(caller, url=url, x=5))
        same((run.outputs()[0], status(run)), (25, populated))
    with check("serialize"):
        run = done(flyte.run(twice, url=url))
        same(run.outputs()[0], [7, 7])
    with check("age"):
        done(flyte.run(aging, url=url))
        time.sleep(1.5)
        done(flyte.run(aging, url=url))
