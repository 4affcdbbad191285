# SPDX-License-Identifier: Apache-2.0
"""The program for which drydock exists: a task is killed at its memory limit,
its parent catches that and calls it again with more. Nothing in it knows of
drydock."""

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="ml-env", resources=flyte.Resources(cpu=1, memory="400Mi", shm="auto"))


@env.task
async def train_model(mib: int) -> int:
    print(f"training with {mib} MiB")
    model = bytearray(mib << 20)
    return len(model) >> 20


@env.task
async def main() -> str:
    try:
        await train_model(700)
    except flyte.errors.OOMError:
        trained = await train_model.override(resources=flyte.Resources(memory="1Gi"))(700)
        return f"trained with {trained} MiB, at the second try"
    return "trained at the first try"
