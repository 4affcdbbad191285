// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"bytes"
	"testing"
)

// A record may be torn or written by somebody else: whatever stands there, it
// is read or refused, and what is read has figures that can be true.
func FuzzRead(f *testing.F) {
	const first = `{"version":1,"time":"2026-03-01T12:00:00Z","devices":[{"id":"GPU-0","memory":85899345920}]}` + "\n"
	f.Add([]byte(first + `{"time":"2026-03-01T12:00:01Z","devices":[{"id":"GPU-0","memory":5,"used":7,"others":2,"busy":0.5,"by":"processes"}]}` + "\n"))
	f.Add([]byte(first + `{"time":"2026-03-01T12:00:02Z","xids":[{"gpu":"GPU-0","code":31,"of":["GPU-0"]}],"problem":"x"}` + "\n{"))
	f.Add([]byte(`{"version":9}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := read(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, s := range r.Sum() {
			if s.Peak != nil && *s.Peak < 0 || s.Busy != nil && (*s.Busy < 0 || *s.Busy > 1) {
				t.Errorf("it sums up to %+v", s)
			}
		}
		if len(r.Last()) != len(r.Devices) {
			t.Errorf("%d devices are used by %d", len(r.Devices), len(r.Last()))
		}
	})
}
