# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks run, again and again: each time when the test says so."""

import sys

import flyte
import flyte.errors

from common import check, conductor, connect, done, same, stamp, tell, visit

# Both cores, so that no quota comes between this and a start without a sandbox.
start = flyte.TaskEnvironment(name="start", resources=flyte.Resources(cpu=2, memory="500Mi"))
# One each: two at a time.
env = flyte.TaskEnvironment(name="measured", resources=flyte.Resources(cpu=1, memory="200Mi"))


@start.task
async def first(url: str) -> int:
    stamp(url, "line")
    return 1


@env.task
async def element(url: str, x: int) -> int:
    return x


@env.task
async def spread(url: str, n: int) -> int:
    stamp(url, "begin")
    total = sum([x async for x in flyte.map.aio(element, [url] * n, range(n))])
    stamp(url, "end")
    return total


@env.task
async def hog() -> int:
    return len(bytearray(400 << 20))


@env.task
async def catch(url: str) -> str:
    try:
        await hog()
    except flyte.errors.OOMError:
        stamp(url, "caught")
        return "caught"
    return "not killed"


if __name__ == "__main__":
    connect()
    url = conductor()
    what, times = sys.argv[1], int(sys.argv[2])
    with check(what):
        for _ in range(times):
            visit(url, "next")
            if what == "first":
                run = done(flyte.run(first, url=url))
            elif what == "spread":
                run = done(flyte.run(spread, url=url, n=int(sys.argv[3])))
            else:
                run = done(flyte.run(catch, url=url))
                same(run.outputs()[0], "caught")
            tell(run=run.name)
            visit(url, "over")
