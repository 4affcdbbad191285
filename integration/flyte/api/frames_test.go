// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"encoding/binary"
	"io"
)

// frames reads the messages of a stream.
type frames struct{ r *bufio.Reader }

func newFrames(r io.Reader) *frames { return &frames{bufio.NewReader(r)} }

// next returns the next message; false at the end of the stream.
func (f *frames) next() ([]byte, bool) {
	header := make([]byte, frameHeader)
	if _, err := io.ReadFull(f.r, header); err != nil || header[0]&2 != 0 {
		return nil, false
	}
	data := make([]byte, binary.BigEndian.Uint32(header[1:]))
	_, err := io.ReadFull(f.r, data)
	return data, err == nil
}
