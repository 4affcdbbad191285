# SPDX-License-Identifier: Apache-2.0
"""What drydock refuses, at once and with a sentence, and what it runs although
it cannot hold all of it."""

import dataclasses
import os

import flyte
import flyte.errors
import flyte.extend
from flyte.extras import ContainerTask

from common import check, children, connect, done, has, same, tell

env = flyte.TaskEnvironment(name="refused", resources=flyte.Resources(cpu=1, memory="250Mi"))


@dataclasses.dataclass
class Cluster:
    """A plugin's configuration, as those for Spark or Ray are."""

    workers: int


class ClusterTask(flyte.extend.AsyncFunctionTaskTemplate):
    task_type = "spark"

    def __post_init__(self):
        super().__post_init__()
        self.task_type = "spark"


flyte.extend.TaskPluginRegistry.register(Cluster, ClusterTask)
spark = flyte.TaskEnvironment(name="spark", resources=flyte.Resources(cpu=1, memory="250Mi"), plugin_config=Cluster(2))
box = ContainerTask(
    name="box", image="busybox:1", command=["/bin/sh", "-c", "true"], resources=flyte.Resources(cpu=1, memory="64Mi")
)
boxes = flyte.TaskEnvironment.from_task("boxes", box)
env.add_dependency(spark, boxes)


@env.task
async def work() -> str:
    return "done"


@env.task
async def spend() -> str:
    return os.environ["PROOF_SECRET"]


@spark.task
async def shuffle() -> str:
    return "done"


async def outcome(call):
    try:
        return f"returned {await call!r}"
    except Exception as e:
        return f"{type(e).__name__} {getattr(e, 'code', '')}: {e}"


@env.task
async def main() -> list[str]:
    with_ = lambda **r: work.override(resources=flyte.Resources(**r))  # noqa: E731
    return [
        await outcome(with_(cpu=1, memory="250Mi", gpu="A100:2")()),
        await outcome(with_(cpu=1, memory="10Ti")()),
        await outcome(with_(cpu=4000, memory="250Mi")()),
        await outcome(with_(cpu=1, memory="250Mi", gpu=flyte.TPU("V5P", partition="2x2x1"))()),
        await outcome(with_(cpu=1, memory="250Mi", gpu="AppleSilicon")()),
        await outcome(work.override(secrets=flyte.Secret("no-such-secret"))()),
        await outcome(shuffle()),
        await outcome(box()),
        await outcome(work.override(env_vars={"PATH": "/nowhere"})()),
        await outcome(with_(cpu=1, memory="250Mi", disk="10Gi")()),
        await outcome(spend.override(secrets=flyte.Secret("proof-secret"))()),
    ]


if __name__ == "__main__":
    connect()
    with check("main"):
        run = done(flyte.run(main))
        results = run.outputs()[0]
        ended = children(run)
        for r in results:
            print(r)
    cases = [
        ("gpu", "RuntimeUserError", "A100"),
        ("10Ti of memory", "RuntimeUserError", "10Ti", "this machine"),
        ("4000 cores", "RuntimeUserError", "4000", "this machine"),
        ("TPU", "RuntimeUserError", "V5P"),
        ("Apple Silicon", "AppleSiliconNotAvailableError", "Apple"),
        ("no such secret", "RuntimeUserError", "no-such-secret"),
        ("plugin", "RuntimeUserError", "spark"),
        ("container task", "RuntimeUserError", "busybox"),
    ]
    for (name, kind, *words), result in zip(cases, results):
        with check(name):
            assert result.startswith(kind), result
            has(result, *words)
    with check("a PATH of its own, and the SDK still finds tar"):
        same(results[8], "returned 'done'")
    with check("disk runs"):
        same(results[9], "returned 'done'")
        tell(disk=ended[9].name, run=run.name)
    with check("a secret that is there"):
        same(results[10], "returned 'hush'")
