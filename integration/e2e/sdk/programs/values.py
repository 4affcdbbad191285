# SPDX-License-Identifier: Apache-2.0
"""What goes in and out of tasks: values of many types, large ones in line,
checkpoints; tasks that are plain functions; names that are odd or taken."""

import asyncio
import ctypes
import dataclasses
import datetime
import enum
import os
import pathlib

import flyte
import flyte.errors

from common import check, children, connect, done, has, same

env = flyte.TaskEnvironment(name="values", resources=flyte.Resources(cpu=1, memory="400Mi"))
mounted = flyte.TaskEnvironment(
    name="mounted",
    resources=flyte.Resources(cpu=1, memory="250Mi"),
    secrets=flyte.Secret("proof-secret", mount=pathlib.Path("/etc/flyte/secrets")),
)
env.add_dependency(mounted)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Point:
    x: int
    y: float
    tags: list[str]


NOON = datetime.datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=datetime.timezone.utc)


@env.task
async def pass_on(p: Point, c: Colour, when: datetime.datetime, share: float, text: str, n: int | None) -> list[str]:
    return [repr(p), c.name, when.isoformat(), repr(share), text, repr(n)]


@env.task
async def length(text: str) -> int:
    return len(text)


@env.task
def plain(x: int) -> int:
    return x + 1


@env.task
def plain_parent(n: int) -> list[int]:
    return list(flyte.map(plain, range(n)))


@env.task(retries=2)
async def resumed() -> str:
    checkpoint = flyte.ctx().checkpoint
    before = await checkpoint.load()
    seen = b"" if before is None else pathlib.Path(before).read_bytes() if isinstance(before, (str, os.PathLike)) else before
    attempt = os.environ["FLYTE_ATTEMPT_NUMBER"]
    await checkpoint.save(seen + attempt.encode())
    if attempt != "2":
        raise RuntimeError("not yet")
    return seen.decode()


@mounted.task
async def secret() -> str:
    return pathlib.Path("/etc/flyte/secrets/proof-secret").read_text().strip()


@env.task(short_name="ein Käfer/\n<b>")
async def odd() -> str:
    return flyte.ctx().action.name


@env.task
async def crash() -> int:
    ctypes.string_at(0)
    return 0


@env.task
async def nothing() -> None:
    return None


@env.task
async def main() -> list[str]:
    results = [str(await length("x" * (8 << 20))), await resumed(), await secret(), str(await odd() != "a0")]
    with flyte.group("a group/with ü"):
        results.append(str(await asyncio.gather(plain.aio(1), plain.aio(2))))
    try:
        await crash()
    except flyte.errors.RuntimeUserError as e:
        results.append(str(e))
    return results


if __name__ == "__main__":
    connect()
    with check("types"):
        p = Point(1, 2.5, ["a", "ü"])
        run = done(flyte.run(pass_on, p=p, c=Colour.BLUE, when=NOON, share=float("inf"), text="日本\n", n=None))
        same(run.outputs()[0], [repr(p), "BLUE", NOON.isoformat(), "inf", "日本\n", "None"])
    with check("8 MB from the client"):
        same(done(flyte.run(length, text="x" * (8 << 20))).outputs()[0], 8 << 20)
    with check("plain functions"):
        same(done(flyte.run(plain_parent, n=3)).outputs()[0], [1, 2, 3])
    with check("main"):
        run = done(flyte.run(main))
        large, resumed_, secret_, odd_, grouped, crashed = run.outputs()[0]
    with check("8 MB from a parent"):
        same(large, str(8 << 20))
    with check("checkpoints"):
        same(resumed_, "01")
    with check("a secret in a file"):
        same(secret_, "hush")
    with check("odd names"):
        same((odd_, grouped), ("True", "[2, 3]"))
        assert any(c.metadata.group == "a group/with ü" for c in children(run))
    with check("crash"):
        has(crashed, "SIGSEGV")
    with check("a name that is taken"):
        done(flyte.with_runcontext(name="taken").run(nothing))
        try:
            flyte.with_runcontext(name="taken").run(nothing)
        except flyte.errors.RuntimeUserError as e:
            has(str(e), "taken", "already exists")
        else:
            raise AssertionError("two runs of one name")
