// SPDX-License-Identifier: Apache-2.0

package gpu

import "time"

// Look is what devices were used for at one moment, and what was heard of
// them since the look before.
type Look struct {
	Time time.Time `json:"time"`
	Uses []Use     `json:"uses,omitempty"`
	XIDs []XID     `json:"xids,omitempty"`
	// Problem is why nothing, or less, is known from now on; one sentence.
	Problem string `json:"problem,omitempty"`
}

// Use is what one device was used for. Pointers are nil for what is not known.
type Use struct {
	ID     ID     `json:"id"`
	Memory *int64 `json:"memory,omitempty"` // all that it has, in bytes
	Used   *int64 `json:"used,omitempty"`   // of it, by everybody
	// Busy is the part of the last moments in which a program ran on it, 0 to
	// 1. NVIDIA does not tell it of MIG devices.
	Busy      *float64  `json:"busy,omitempty"`
	Processes []Process `json:"processes,omitempty"`
	Problem   string    `json:"problem,omitempty"` // why it cannot be read
}

// XID is an error that NVIDIA's driver reported of a GPU.
type XID struct {
	GPU  ID  `json:"gpu"` // whole, also where it is about one of its MIG devices
	Code int `json:"code"`
	// Of are the devices, of those that were looked at, that it is about.
	Of []ID `json:"of,omitempty"`
}
