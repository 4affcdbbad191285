# SPDX-License-Identifier: Apache-2.0
"""Files that the client brings and takes away: inputs, outputs, the report and
the code of a run."""

import asyncio
import pathlib
import tempfile

import flyte
import flyte.report
from flyte.io import Dir, File

from common import check, connect, done, has, same

env = flyte.TaskEnvironment(name="clientfiles", resources=flyte.Resources(cpu=1, memory="500Mi"))


@env.task(report=True)
async def weigh(f: File, d: Dir) -> File:
    async with f.open("rb") as stream:
        size = len(await stream.read())
    names = sorted([x.name async for x in d.walk()])
    await flyte.report.log.aio(f"<b>weighed {size}</b>", do_flush=True)
    pathlib.Path("answer.txt").write_text(f"{size} {','.join(names)}")
    return await File.from_local("answer.txt")


async def fetch(f):
    return pathlib.Path(await f.download(str(pathlib.Path(tempfile.mkdtemp()) / "answer.txt"))).read_text()


if __name__ == "__main__":
    connect()
    here = pathlib.Path(tempfile.mkdtemp())
    (here / "one.txt").write_text("x" * 1000)
    (here / "two.txt").write_text("y")
    with check("brought"):
        f = asyncio.run(File.from_local(str(here / "one.txt")))
        d = asyncio.run(Dir.from_local(str(here)))
        run = done(flyte.run(weigh, f=f, d=d))
    with check("taken away"):
        same(asyncio.run(fetch(run.outputs()[0])), "1000 one.txt,two.txt")
    with check("report"):
        has(run.get_report(), "weighed 1000")
    with check("code"):
        place = pathlib.Path(tempfile.mkdtemp())
        run.download_code(str(place))
        assert list(place.rglob("clientfiles.py")), sorted(place.rglob("*"))
