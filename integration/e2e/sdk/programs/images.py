# SPDX-License-Identifier: Apache-2.0
"""Tasks in their own images: PROOF_IMAGE has the SDK, PROOF_PLAIN is busybox,
PROOF_REMOTE too, but in a registry, which does not give PROOF_PRIVATE away. With
arguments only the parts that they name run."""

import asyncio
import os
import pathlib
import sys

import flyte
import flyte.errors
import flyte.io
from flyte.extras import ContainerTask

from common import check, children, connect, done, has, same, tell

NAMES = ["PROOF_IMAGE", "PROOF_PLAIN", "PROOF_REMOTE", "PROOF_PRIVATE"]
FACTS = {name: os.environ.get(name, "none") for name in NAMES}  # the tasks import this file, too
IMAGE, PLAIN, REMOTE, PRIVATE = FACTS.values()

small = flyte.Resources(cpu=1, memory="250Mi")


def environment(name, image, **more):
    return flyte.TaskEnvironment(name=name, image=flyte.Image.from_base(image), resources=small, env_vars=FACTS, **more)


sum_of = ContainerTask(
    name="sum",
    image=flyte.Image.from_base(PLAIN),
    command=["/bin/sh", "-ec"],
    arguments=[
        "test $(cat /var/inputs/x) = 40; echo $(({{.inputs.x}} + 2)) > /var/outputs/total;"
        " tr a-z A-Z < /var/inputs/text > /var/outputs/loud; grep -q '\"x\":40' /var/inputs/inputs.json"
    ],
    inputs={"x": int, "text": flyte.io.File},
    outputs={"total": int, "loud": flyte.io.File},
    resources=flyte.Resources(cpu=1, memory="64Mi"),
)
stranger = ContainerTask(  # it is on the bridge, and was told nothing
    name="stranger",
    image=flyte.Image.from_base(PLAIN),
    command=["/bin/sh", "-c"],
    arguments=["wget -O /dev/null http://host.docker.internal:{{.inputs.port}}/readyz 2> /var/outputs/said; true"],
    inputs={"port": int},
    outputs={"said": str},
    resources=flyte.Resources(cpu=1, memory="64Mi"),
)
forgetful = ContainerTask(
    name="forgetful", image=flyte.Image.from_base(PLAIN), command=["/bin/true"], outputs={"total": int},
    resources=flyte.Resources(cpu=1, memory="64Mi"),
)
sums = flyte.TaskEnvironment.from_task("sums", sum_of)
fetched = ContainerTask(
    name="fetched", image=flyte.Image.from_base(REMOTE), command=["/bin/sh", "-c", "echo here > /var/outputs/said"], outputs={"said": str},
    resources=flyte.Resources(cpu=1, memory="64Mi"),
)
fetches = flyte.TaskEnvironment.from_task("fetches", fetched)
strangers = flyte.TaskEnvironment.from_task("strangers", stranger)
forgets = flyte.TaskEnvironment.from_task("forgets", forgetful)
missing = environment("missing", "drydock-test/not-there:1")
private = environment("private", PRIVATE)
misnamed = environment("misnamed", "drydock-test/Not a name")
plain = environment("plain", PLAIN)
env = environment("images", IMAGE, depends_on=[sums, strangers, fetches, forgets, missing, private, misnamed, plain])


@env.task
async def where() -> list[str]:
    return [str(os.getuid()), os.getcwd(), pathlib.Path("/etc/debian_version").read_text().strip(), sys.prefix, os.environ["_U_EP_OVERRIDE"]]


@env.task
async def double(x: int) -> int:
    return 2 * x


@env.task
async def gathered() -> list[int]:
    return list(await asyncio.gather(*(double(x) for x in range(4))))


@env.task
async def train(mib: int) -> int:
    print(f"training with {mib} MiB")
    data = bytearray(mib << 20)
    for i in range(0, len(data), 4096):
        data[i] = 1
    return len(data)


@env.task
async def caught() -> str:
    try:
        await train(400)
    except flyte.errors.OOMError as e:
        await train.override(resources=flyte.Resources(cpu=1, memory="700Mi"))(400)
        return f"{e.code}: {e}"
    return "it fitted"


@env.task
async def boxed() -> list[str]:
    path = pathlib.Path("text.txt")
    path.write_text("quiet")
    file = await flyte.io.File.from_local(str(path))
    total, loud = await sum_of(x=40, text=file)
    async with loud.open("rb") as f:
        return [str(total), bytes(await f.read()).decode()]


@env.task
async def asked() -> str:
    return await stranger(port=int(os.environ["_U_EP_OVERRIDE"].rsplit(":", 1)[1]))


@missing.task
async def nowhere() -> str:
    return "done"


@private.task
async def locked() -> str:
    return "done"


@misnamed.task
async def nameless() -> str:
    return "done"


@plain.task
async def without_sdk() -> str:
    return "done"


async def outcome(call):
    try:
        return f"returned {await call!r}"
    except Exception as e:
        return f"{type(e).__name__} {getattr(e, 'code', '')}: {e}"


@env.task
async def failures() -> list[str]:
    return [await outcome(t()) for t in (nowhere, nameless, without_sdk, forgetful, locked)]


def hello():
    run = done(flyte.run(where))
    uid, cwd, debian, prefix, endpoint = run.outputs()[0]
    same((uid, cwd, prefix), ("1000", "/home/flyte", "/opt/flyte"))
    tell(run=run.name, inside=endpoint, debian=debian)


def fanout():
    same(done(flyte.run(gathered)).outputs()[0], [0, 2, 4, 6])


def oom():
    run = done(flyte.run(caught))
    message = run.outputs()[0]
    has(message, "OOMKilled", "250 MiB", ".override(resources=")
    first, second = children(run)
    same((first.phase.value, second.phase.value, first.error_info.code), ("failed", "succeeded", "OOMKilled"))
    tell(oom=run.name, oom_action=first.name, message=message)


def container():
    same(done(flyte.run(boxed)).outputs()[0], ["42", "QUIET"])


def pull():
    same(done(flyte.run(fetched)).outputs()[0], "here")


def bridge():
    has(done(flyte.run(asked)).outputs()[0], "401 Unauthorized")


def broken():
    run = done(flyte.run(failures))
    cases = [
        ("missing", "ImagePullBackOffError", "drydock-test/not-there:1"),
        ("misnamed", "InvalidImageNameError", "drydock-test/Not a name"),
        ("without the SDK", "RuntimeUserError StartError", "no program a0", "pip install flyte=="),
        ("an output is missing", "RuntimeUserError OutputsNotFound", "total"),
        ("private", "ImagePullBackOffError", PRIVATE, "docker login"),
    ]
    tell(failures=run.outputs()[0])
    for (name, kind, *words), result in zip(cases, run.outputs()[0]):
        with check(name):
            assert result.startswith(kind), result
            has(result, *words)
    pulled = children(run)[0]
    with check("initializing first"):
        phases = [t.phase for t in pulled.pb2.attempts[0].phase_transitions]
        assert 3 in phases and phases[-1] == 6, phases


if __name__ == "__main__":
    connect()
    for part in sys.argv[1:] or ["hello", "fanout", "oom", "container", "pull", "bridge", "broken"]:
        with check(part):
            globals()[part]()
