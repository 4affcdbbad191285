# SPDX-License-Identifier: Apache-2.0
"""Where the SDK looks for some of the classes."""

from . import V1Container, V1EnvVar, V1PodSpec, V1ResourceRequirements

__all__ = ["V1Container", "V1EnvVar", "V1PodSpec", "V1ResourceRequirements"]
