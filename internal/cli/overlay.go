// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"

	"drydock/resources"
)

// overlay lays what over holds on what base holds, field by field.
func overlay(base, over resources.Resources) resources.Resources {
	if !over.CPU.IsZero() {
		base.CPU = over.CPU
	}
	if !over.Memory.IsZero() {
		base.Memory = over.Memory
	}
	if over.GPU != nil {
		base.GPU = over.GPU
	}
	if over.Disk != "" {
		base.Disk = over.Disk
	}
	if over.Shm != "" {
		base.Shm = over.Shm
	}
	return base
}

// shellQuote writes a word so that a shell reads it as it is.
func shellQuote(word string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=:,@%+", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !safe(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
