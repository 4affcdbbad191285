# SPDX-License-Identifier: Apache-2.0
"""Many children at once: by asyncio.gather in a group, and by flyte.map."""

import asyncio

import flyte
import flyte.errors

from common import check, children, connect, done, same

env = flyte.TaskEnvironment(name="fanout", resources=flyte.Resources(cpu=1, memory="250Mi"))


@env.task
async def double(x: int) -> int:
    if x == 13:
        raise ValueError("unlucky")
    return 2 * x


@env.task
async def gathered() -> list[int]:
    with flyte.group("wave"):
        return list(await asyncio.gather(*(double(x) for x in range(4))))


@env.task
async def mapped() -> list[str]:
    results = []
    async for result in flyte.map.aio(double, [1, 13, 3], concurrency=2):
        if isinstance(result, Exception):
            result = f"{type(result).__name__} {result.code}: {result}"
        results.append(str(result))
    return results


if __name__ == "__main__":
    connect()
    with check("gather"):
        run = done(flyte.run(gathered))
        same(run.outputs()[0], [0, 2, 4, 6])
        same([c.metadata.group for c in children(run)], ["wave"] * 4)
    with check("map"):
        run = done(flyte.run(mapped))
        first, second, third = run.outputs()[0]
        same((first, third), ("2", "6"))
        assert second.startswith("RuntimeUserError ValueError: ") and "unlucky" in second, second
        same(sorted(c.phase.value for c in children(run)), ["failed", "succeeded", "succeeded"])
        same({c.metadata.group for c in children(run)}, {"fanout.double_map"})
