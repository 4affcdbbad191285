# SPDX-License-Identifier: Apache-2.0
"""Stands in for the Kubernetes client, whose classes the SDK wants for pod
templates: the few that are needed instead of 150 MB."""
