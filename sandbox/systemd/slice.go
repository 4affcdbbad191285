// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"fmt"
	"strings"
)

// SliceName is the name of a slice directly below the slice parent, as
// "drydock.slice". A dash in a slice's name stands for a level of the tree, so
// that one in name is escaped, as is all else that a unit's name may not have
// (systemd.unit(5), "String escaping for inclusion in unit names").
func SliceName(parent, name string) string {
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(parent, sliceSuffix) + "-")
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(":_.", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String() + sliceSuffix
}

const sliceSuffix = ".slice"
