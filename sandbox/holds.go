// SPDX-License-Identifier: Apache-2.0

package sandbox

// Amounts are what of a machine can be divided. Zero is none of it.
type Amounts struct {
	CPUMilli int64 `json:"cpu_milli,omitempty"` // millicores
	Memory   int64 `json:"memory,omitempty"`    // bytes
	Disk     int64 `json:"disk,omitempty"`      // bytes
	Pids     int64 `json:"pids,omitempty"`      // processes and threads
}

// Device is what is had by one attempt at a time, or not at all.
type Device struct {
	ID string `json:"id"`
	// Excludes are the devices that nobody may have meanwhile, because they
	// are a part of this one, or this one of them.
	Excludes []string `json:"excludes,omitempty"`
}

// Holds is what an attempt was admitted with. A sandbox gives it to nobody and
// enforces none of it: it writes it where other drydock processes count what
// is taken, for as long as the attempt lives.
type Holds struct {
	Amounts
	Devices []Device `json:"devices,omitempty"`
}
