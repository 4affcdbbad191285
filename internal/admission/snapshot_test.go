// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/sandbox"
)

// What is lent is not taken, but for its devices.
func TestTaken(t *testing.T) {
	device := sandbox.Device{ID: "gpu"}
	s := Snapshot{Holders: []Holder{
		{Holds: sandbox.Holds{Amounts: sandbox.Amounts{CPUMilli: 500, Memory: 1 << 30, Disk: 10 << 30}}},
		{Holds: sandbox.Holds{Amounts: sandbox.Amounts{CPUMilli: 1000, Disk: 1 << 30}}},
		{Lent: true, Holds: sandbox.Holds{Amounts: sandbox.Amounts{CPUMilli: 4000, Disk: 7 << 30}, Devices: []sandbox.Device{device}}},
	}}
	want := sandbox.Holds{Amounts: sandbox.Amounts{CPUMilli: 1500, Memory: 1 << 30, Disk: 11 << 30}, Devices: []sandbox.Device{device}}
	if d := cmp.Diff(want, s.Taken()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
