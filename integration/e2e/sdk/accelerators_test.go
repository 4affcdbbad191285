// SPDX-License-Identifier: Apache-2.0

package sdk

import "testing"

// What tasks ask for as accelerators, in the SDK's own spellings, is given to
// one at a time, or refused with a sentence.
func TestAccelerators(t *testing.T) {
	s := own(t, "--node", "cpu=2,memory=3Gi,gpu=A100:2")
	facts := s.prove(t, nil, "accelerated.py")
	out := s.flyte(t, "get", "action", fact(t, facts, "run"), fact(t, facts, "first")).succeed(t)
	want(t, out, "PHASE_SUCCEEDED")
	s.told(t, "waiting for accelerator: needs 2 × A100, 0 free, held by ")
}

// The whole program runs on a machine that has none, where that is allowed.
func TestAcceleratorsIgnored(t *testing.T) {
	s := own(t, "--node", "gpu=T4:1", "--gpu-missing=ignore")
	out := s.flyte(t, "run", "--follow", "accelerated.py", "both").succeed(t)
	want(t, out, "completed for action a0")
	s.told(t, `"runs without, as --gpu-missing=ignore allows`)
}
