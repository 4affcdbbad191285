# SPDX-License-Identifier: Apache-2.0
"""Half a gigabyte through the storage and back."""

import hashlib
import sys

import flyte
from flyte.io import File

from common import check, connect, done, same

env = flyte.TaskEnvironment(name="big", resources=flyte.Resources(cpu=1, memory="2Gi"))


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest() if sys.version_info >= (3, 11) else hashlib.sha256(f.read()).hexdigest()


@env.task
async def write(mb: int) -> tuple[File, str]:
    with open("big.bin", "wb") as f:
        for i in range(mb):
            f.write(hashlib.sha256(str(i).encode()).digest() * 31250)  # 1 MB
    return await File.from_local("big.bin"), digest("big.bin")


@env.task
async def read(f: File) -> str:
    return digest(await f.download())


@env.task
async def main(mb: int) -> list[str]:
    f, written = await write(mb)
    return [written, await read(f)]


if __name__ == "__main__":
    connect()
    with check("round trip"):
        written, was_read = done(flyte.run(main, mb=int(sys.argv[1]))).outputs()[0]
        same(was_read, written)
