// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"os"
	"path/filepath"
	"testing"

	"drydock/executor"
	"drydock/internal/admission"
	"drydock/sandbox"
)

// A killed drydock leaves its task counted, by the supervisor's lease; who
// adopts it may lend it; and with its end nothing is counted.
func TestHoldsOutliveTheExecutor(t *testing.T) {
	l := orphan(t, diesStarted, "until [ -e end ]; do sleep 0.05; done")
	holder := func() *admission.Holder {
		t.Helper()
		s, err := admission.Read(l.Leases)
		if err != nil || len(s.Holders) > 1 {
			t.Fatalf("%+v, %v", s, err)
		}
		for _, h := range s.Holders {
			return &h
		}
		return nil
	}
	h := holder()
	if want := (sandbox.Amounts{CPUMilli: 100, Memory: 64 << 20}); h == nil || h.ID != l.ID || h.PID != 0 || h.Lent || h.Holds.Amounts != want {
		t.Fatalf("left by its executor it counts as %+v, want %+v", h, want)
	}
	var loan executor.Loan
	loan.Lend()
	adopted := make(chan struct{})
	ended := make(chan error)
	go func() {
		_, err := l.adopter(t).Adopt(t.Context(), l.ID, executor.WithLoan(&loan), executor.WithEvents(func(e executor.Event) {
			if e.Type == executor.EventStarted {
				close(adopted)
			}
		}))
		ended <- err
	}()
	<-adopted
	if h := holder(); h == nil || h.PID != os.Getpid() || !h.Lent {
		t.Errorf("adopted and lent it counts as %+v", h)
	}
	loan.Recall()
	if h := holder(); h == nil || h.Lent {
		t.Errorf("recalled it counts as %+v", h)
	}
	if err := os.WriteFile(filepath.Join(l.WorkDir, "end"), nil, 0o600); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if h := holder(); h != nil {
		t.Errorf("after its end it counts as %+v", h)
	}
}
