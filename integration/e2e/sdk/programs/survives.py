# SPDX-License-Identifier: Apache-2.0
"""A run under which the server is killed; where, is the argument. Its bodies
count themselves at the conductor, which outlives the server."""

import asyncio
import os
import pathlib
import sys
from datetime import timedelta

import flyte
from flyte.io import File

from common import check, conductor, connect, done, image, same, tell, visit

env = flyte.TaskEnvironment(name="survives", image=image(), resources=flyte.Resources(cpu=1, memory="300Mi"))
wide = flyte.TaskEnvironment(name="survivor", image=image(), resources=flyte.Resources(cpu=2, memory="300Mi"))
env.add_dependency(wide)


@wide.task
async def lone(url: str) -> str:
    visit(url, "lone")
    return "lone"


@wide.task
async def blocker(url: str) -> str:
    visit(url, "blocker")
    return "blocker"


@env.task
async def child(url: str) -> str:
    visit(url, "child")
    return "child"


@env.task
async def parent(url: str) -> str:
    visit(url, "parent")
    return "parent of " + await child(url)


@env.task
async def busy(url: str) -> str:
    """Does not look at its child's end before the server is back."""
    call = asyncio.create_task(child(url))
    await asyncio.sleep(0)
    await asyncio.to_thread(visit, url, "busy")
    return "busy with " + await call


@env.task
async def upload(url: str) -> str:
    with open("much.bin", "wb") as f:
        for _ in range(200):
            f.write(os.urandom(1 << 20))
    visit(url, "upload")
    f = await File.from_local("much.bin")
    local = await f.download()
    return str(pathlib.Path(local).read_bytes() == pathlib.Path("much.bin").read_bytes())


@env.task(retries=flyte.RetryStrategy(count=2, backoff=flyte.Backoff(base=timedelta(seconds=4))))
async def flaky(url: str) -> str:
    visit(url, "flaky")
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        raise RuntimeError("not at the first try")
    return "flaky"


@env.task
async def member(url: str, x: int) -> int:
    visit(url, f"member{x}")
    return x


@env.task
async def crowd(url: str) -> str:
    return str(sum(await asyncio.gather(*(member(url, x) for x in range(12)))))


@env.task
async def waiting(url: str) -> str:
    condition = await flyte.new_condition.aio("go", prompt="Go on?", data_type=str)
    visit(url, "waiting")
    return await condition.wait.aio()


PROGRAMS = {
    "crowd": (crowd, "66"),
    "waiting": (waiting, "on it goes"),
    "lone": (lone, "lone"),
    "blocker": (blocker, "blocker"),
    "parent": (parent, "parent of child"),
    "busy": (busy, "busy with child"),
    "upload": (upload.override(resources=flyte.Resources(cpu=1, memory="1Gi")), "True"),
    "flaky": (flaky, "flaky"),
}

if __name__ == "__main__":
    connect()
    task, want = PROGRAMS[sys.argv[1]]
    run = flyte.run(task, url=conductor())
    tell(run=run.name)
    with check("result"):
        same(done(run).outputs()[0], want)
