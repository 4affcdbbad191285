# SPDX-License-Identifier: Apache-2.0
"""Every spelling of resources that the SDK accepts, an environment for each."""

import flyte

from flyte import GPU, TPU, Resources

SPELLINGS = [
    None,
    Resources(cpu=2),
    Resources(cpu=1.5),
    Resources(cpu="500m"),
    Resources(cpu=(1, 4)),
    Resources(cpu=("500m", "2")),
    Resources(memory="1Gi"),
    Resources(memory=("512Mi", "2Gi")),
    Resources(gpu=2),
    Resources(gpu=0),
    Resources(gpu="T4:1"),
    Resources(gpu="A100_80G:8"),
    Resources(gpu=GPU("A100", 1, partition="1g.5gb")),
    Resources(gpu="H100:1"),
    Resources(gpu=GPU("H200", 2)),
    Resources(gpu="B200:1"),
    Resources(gpu="L40s:1"),
    Resources(gpu=TPU("V5P", partition="2x2x1")),
    Resources(gpu="Trn1:1"),
    Resources(gpu="MI300X:1"),
    Resources(gpu="Gaudi1:1"),
    Resources(disk="10Gi"),
    Resources(shm="auto"),
    Resources(shm="1Gi"),
    Resources(cpu=(1, 2), memory=("1Gi", "2Gi"), gpu="A100:1", disk="20Gi", shm="auto"),
]


async def nothing() -> None:
    return None


for n, spelling in enumerate(SPELLINGS):
    environment = flyte.TaskEnvironment(name=f"shape{n:02d}", resources=spelling)
    globals()[f"shape{n:02d}"] = environment
    globals()[f"task{n:02d}"] = environment.task(nothing)
