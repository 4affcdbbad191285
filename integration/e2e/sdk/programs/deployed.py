# SPDX-License-Identifier: Apache-2.0
"""Tasks to be deployed and run by name, with all that a deployment carries."""

from datetime import timedelta

import flyte

plain = flyte.TaskEnvironment(name="plain", resources=flyte.Resources(cpu=1, memory="250Mi"))
full = flyte.TaskEnvironment(
    name="full",
    resources=flyte.Resources(cpu=(1, 2), memory=("250Mi", "300Mi"), disk="1Gi", shm="auto"),
    env_vars={"COLOUR": "blue"},
    secrets=[flyte.Secret("proof-secret")],
)
reused = flyte.TaskEnvironment(
    name="reused", resources=flyte.Resources(cpu=1, memory="250Mi"), reusable=flyte.ReusePolicy(replicas=1)
)
timed = flyte.TaskEnvironment(name="timed", resources=flyte.Resources(cpu=1, memory="250Mi"))


@plain.task
async def double(x: int, plus: int = 1) -> int:
    """Twice x and a bit."""
    print(f"doubling {x}")
    return 2 * x + plus


@full.task(
    retries=flyte.RetryStrategy(
        count=2, backoff=flyte.Backoff(base=timedelta(seconds=1), factor=2.0, cap=timedelta(seconds=8))
    ),
    timeout=flyte.Timeout(
        max_runtime=timedelta(minutes=5), max_queued_time=timedelta(minutes=10), deadline=timedelta(hours=1)
    ),
    cache=flyte.Cache(behavior="override", version_override="1.0"),
    report=True,
)
async def everything(x: int) -> int:
    return x


@reused.task
async def warm(x: int) -> int:
    print(f"warming {x}")
    return x + 100


@timed.task(triggers=flyte.Trigger("nightly", flyte.Cron("0 3 * * *"), inputs={"x": 3}))
async def scheduled(x: int) -> int:
    return x
