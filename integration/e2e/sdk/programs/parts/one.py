# SPDX-License-Identifier: Apache-2.0
"""A part of the project that whole.py loads."""

ONE = "the first part"
