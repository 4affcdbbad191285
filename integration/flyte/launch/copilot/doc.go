// SPDX-License-Identifier: Apache-2.0

// Package copilot does for a raw container what Flyte's co-pilot does beside
// it on a cluster (flytecopilot/data): the program inside knows nothing of
// Flyte, so its inputs are laid out as files before it begins, and its outputs
// are read from files after it has ended. Begin with LayInputs and
// CollectOutputs.
package copilot
