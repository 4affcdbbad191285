// SPDX-License-Identifier: Apache-2.0

package gpu

import "fmt"

// xids are what the errors mean that people meet (NVIDIA's XID catalog).
var xids = map[int]struct {
	text string
	// program says that a program's fault leads to it: such a GPU is well
	// (NVIDIA/k8s-device-plugin internal/rm/health.go leaves these out).
	program bool
}{
	13:  {"a fault of the program on the GPU, such as an index out of bounds", true},
	31:  {"an illegal memory access by the program", true},
	43:  {"the program's work on the GPU was stopped after a fault of its own", true},
	45:  {"the program's work on the GPU was cut off, as after a kill or another error", true},
	68:  {"a fault of the video decoder, by what the program gave it", true},
	109: {"the program's work on the GPU took too long to switch away from", true},
	48:  {"an uncorrectable memory error", false},
	63:  {"a row of its memory was remapped", false},
	64:  {"a row of its memory could not be remapped", false},
	74:  {"an error of NVLink", false},
	79:  {"it fell off the bus", false},
	94:  {"an uncorrectable memory error, contained to the program", false},
	95:  {"an uncorrectable memory error, not contained", false},
	119: {"its system processor (GSP) does not answer", false},
	120: {"an error of its system processor (GSP)", false},
}

// ByProgram reports whether the error is one of a program on the GPU, so that
// the GPU itself is well. Of an unknown error it is not.
func (x XID) ByProgram() bool { return xids[x.Code].program }

// String is "XID 79, it fell off the bus".
func (x XID) String() string {
	if known, ok := xids[x.Code]; ok {
		return fmt.Sprintf("XID %d, %s", x.Code, known.text)
	}
	return fmt.Sprintf("XID %d", x.Code)
}
