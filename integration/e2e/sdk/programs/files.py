# SPDX-License-Identifier: Apache-2.0
"""Files and directories between tasks: 12 MB in parts, read by range, listed
and downloaded."""

import hashlib
import os
import pathlib

import flyte
from flyte.io import Dir, File

from common import check, connect, done, same

env = flyte.TaskEnvironment(name="files", resources=flyte.Resources(cpu=1, memory="500Mi"))

LINE = bytes(range(256)) * 4  # 1 KiB


@env.task
async def write_file() -> File:
    with open("big.bin", "wb") as f:
        for i in range(12 * 1024):
            f.write(i.to_bytes(4, "big") + LINE[4:])
    return await File.from_local("big.bin")


@env.task
async def write_dir() -> Dir:
    os.makedirs("tree/below")
    pathlib.Path("tree/one.txt").write_text("1")
    pathlib.Path("tree/below/two.txt").write_text("22")
    pathlib.Path("tree/empty").write_text("")
    return await Dir.from_local("tree")


@env.task
async def read_file(f: File) -> str:
    async with f.open("rb") as stream:
        await stream.seek(5 * 1024 * 1024)
        middle = await stream.read(4)
    local = await f.download()
    digest = hashlib.sha256(pathlib.Path(local).read_bytes()).hexdigest()
    return f"{int.from_bytes(bytes(middle), 'big')} {digest}"


@env.task
async def read_dir(d: Dir) -> list[str]:
    listed = sorted([f.name async for f in d.walk()])
    local = pathlib.Path(await d.download())
    whole = sorted(f"{p.relative_to(local)}={p.read_text()}" for p in local.rglob("*") if p.is_file())
    return [",".join(listed), *whole]


@env.task
async def both() -> list[str]:
    return [await read_file(await write_file()), *await read_dir(await write_dir())]


if __name__ == "__main__":
    connect()
    with check("through the storage"):
        run = done(flyte.run(both))
        content = b"".join(i.to_bytes(4, "big") + LINE[4:] for i in range(12 * 1024))
        same(
            run.outputs()[0],
            [
                f"{5 * 1024} {hashlib.sha256(content).hexdigest()}",
                "empty,one.txt,two.txt",
                "below/two.txt=22",
                "empty=",
                "one.txt=1",
            ],
        )
