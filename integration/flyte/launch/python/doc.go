// SPDX-License-Identifier: Apache-2.0

// Package python finds the Python that Flyte tasks run with: the one that
// the user's flyte is installed in. Begin with Find.
package python
