// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"fmt"
	"strings"
	"testing"

	"drydock/executor"
	"drydock/internal/fidelity"
)

// status is the end of a task in the words of a container's and a pod's
// status. What drydock says itself is the fact "verdict", to which a kubelet
// has nothing to compare.
func (e end) status(t *testing.T) fidelity.Facts {
	t.Helper()
	a, v := e.attempt(t), e.Verdict
	f := fidelity.Facts{"verdict": v.Code, "phase": "Failed"}
	if v.Code == "" {
		f["verdict"] = string(v.Class)
	}
	if exit := a.Outcome.Exit; exit != nil {
		f["exit"] = fmt.Sprint(exit.Code)
	} else {
		f["exit"] = fmt.Sprint(executor.ExitCode(e.Result))
	}
	switch v.Class {
	case executor.Succeeded:
		f["reason"], f["phase"] = "Completed", "Succeeded"
	case executor.OOM:
		f["reason"] = "OOMKilled"
	case executor.Failed, executor.Shm, executor.Interrupted, executor.Timeout, executor.Aborted:
		f["reason"] = "Error"
		if f["exit"] == "0" {
			f["reason"] = "Completed"
		}
	default:
		f["reason"] = v.Code
	}
	if v.Class == executor.Timeout || v.Class == executor.Evicted {
		f["pod reason"] = v.Code
	}
	return f
}

// said adds what the program printed.
func (e end) said(f fidelity.Facts) fidelity.Facts {
	return with(f, "output", strings.TrimSpace(e.out))
}

// signals are what drydock sent.
func (e end) signals(t *testing.T, f fidelity.Facts) fidelity.Facts {
	t.Helper()
	var sent []string
	for _, stop := range e.attempt(t).Outcome.Stops {
		sent = append(sent, stop.Signal)
	}
	return with(f, "signals", strings.Join(sent, ", "))
}
