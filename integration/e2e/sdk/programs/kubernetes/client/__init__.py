# SPDX-License-Identifier: Apache-2.0
"""The classes of a pod's specification, and how it is written as JSON."""

import dataclasses
from typing import Any, Optional


@dataclasses.dataclass
class V1EnvVar:
    name: str
    value: Optional[str] = None


@dataclasses.dataclass
class V1ResourceRequirements:
    limits: Optional[dict] = None
    requests: Optional[dict] = None
    claims: Optional[list] = None


@dataclasses.dataclass
class V1Container:
    name: str
    image: Optional[str] = None
    command: Optional[list] = None
    args: Optional[list] = None
    env: Optional[list] = None
    resources: Optional[V1ResourceRequirements] = None


@dataclasses.dataclass
class V1PodSpec:
    containers: list
    termination_grace_period_seconds: Optional[int] = None
    node_selector: Optional[dict] = None


class ApiClient:
    def sanitize_for_serialization(self, value: Any) -> Any:
        if dataclasses.is_dataclass(value):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            return {camel(k): self.sanitize_for_serialization(v) for k, v in fields.items() if v is not None}
        if isinstance(value, list):
            return [self.sanitize_for_serialization(v) for v in value]
        return value


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
