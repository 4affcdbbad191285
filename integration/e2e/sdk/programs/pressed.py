# SPDX-License-Identifier: Apache-2.0
"""More children than the server takes at a time: they come again later, and
all are run."""

import asyncio

import flyte

from common import check, children, connect, done, same

env = flyte.TaskEnvironment(name="pressed", resources=flyte.Resources(cpu=1, memory="200Mi"))


@env.task
async def tiny(x: int) -> int:
    return x


@env.task
async def main(n: int) -> int:
    return sum(await asyncio.gather(*(tiny(x) for x in range(n))))


if __name__ == "__main__":
    connect()
    with check("backpressure"):
        run = done(flyte.run(main, n=8))
        same(run.outputs()[0], 28)
        same([c.attempts for c in children(run)], [1] * 8)
