# SPDX-License-Identifier: Apache-2.0
"""What every SDK has to be able to do, said with what the oldest one knows."""

import asyncio
import os
import pathlib

import flyte
import flyte.errors
from flyte.io import Dir, File

from common import check, connect, done, same

env = flyte.TaskEnvironment(name="basics", resources=flyte.Resources(cpu=1, memory="250Mi"))


@env.task
async def hog(mib: int) -> int:
    return len(bytearray(mib << 20)) >> 20


@env.task(retries=1)
async def second_time(x: int) -> int:
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        raise RuntimeError("not at the first try")
    return x


@env.task
async def fall() -> int:
    raise ValueError("it fell")


@env.task
async def write_file() -> File:
    pathlib.Path("big.bin").write_bytes(os.urandom(12 << 20))
    return await File.from_local("big.bin")


@env.task
async def size(f: File) -> int:
    return os.path.getsize(await f.download())


@env.task
async def write_dir() -> Dir:
    os.makedirs("tree/below")
    pathlib.Path("tree/one").write_text("1")
    pathlib.Path("tree/below/two").write_text("22")
    return await Dir.from_local("tree")


@env.task
async def names(d: Dir) -> list[str]:
    local = pathlib.Path(await d.download())
    return sorted(str(p.relative_to(local)) for p in local.rglob("*") if p.is_file())


@flyte.trace
async def traced(x: int) -> int:
    return x + 1


@env.task
async def main() -> list[str]:
    results = []
    try:
        await hog(400)
    except flyte.errors.OOMError as e:
        results.append(f"OOMError {e.code}")
        results.append(str(await hog.override(resources=flyte.Resources(memory="1Gi"))(400)))
    try:
        await fall()
    except flyte.errors.RuntimeUserError as e:
        results.append(f"{e.code}: {e}")
    results.append(str(await asyncio.gather(*(second_time(x) for x in range(3)))))
    results.append(str([x async for x in flyte.map.aio(hog, [1, 2])]))
    results.append(str(await traced(1)))
    results.append(str(await size(await write_file())))
    results.append(str(await names(await write_dir())))
    return results


if __name__ == "__main__":
    connect()
    with check("basics"):
        run = done(flyte.run(main))
        same(
            run.outputs()[0],
            [
                "OOMError OOMKilled",
                "400",
                "ValueError: it fell",
                "[0, 1, 2]",
                "[1, 2]",
                "2",
                str(12 << 20),
                "['below/two', 'one']",
            ],
        )
