# SPDX-License-Identifier: Apache-2.0
"""Pod templates: the main container's part is heeded, a second container is
refused."""

import os

import flyte
import flyte.errors
import kubernetes.client.models  # noqa: F401 - loaded here, so that it travels with the code
from kubernetes.client import V1Container, V1EnvVar, V1PodSpec

from common import check, connect, done, has, same

env = flyte.TaskEnvironment(name="pods", resources=flyte.Resources(cpu=1, memory="250Mi"))


def template(*others):
    main = V1Container(name="primary", env=[V1EnvVar(name="FROM_TEMPLATE", value="template")])
    return flyte.PodTemplate(
        primary_container_name="primary",
        labels={"team": "proof"},
        pod_spec=V1PodSpec(containers=[main, *others], node_selector={"zone": "a"}, termination_grace_period_seconds=3),
    )


@env.task(pod_template=template())
async def podded() -> str:
    return os.environ["FROM_TEMPLATE"]


@env.task(pod_template=template(V1Container(name="helper", image="busybox:1", command=["sleep", "60"])))
async def accompanied() -> str:
    return "done"


@env.task
async def main() -> list[str]:
    try:
        other = await accompanied()
    except flyte.errors.RuntimeUserError as e:
        other = f"{e.code}: {e}"
    return [await podded(), other]


if __name__ == "__main__":
    connect()
    with check("template"):
        run = done(flyte.run(main))
        heeded, other = run.outputs()[0]
        same(heeded, "template")
    with check("a second container"):
        has(other, "helper")
