// SPDX-License-Identifier: Apache-2.0

package docker

import "strings"

// oneLine makes one sentence of what an engine and the runtimes below it said.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
