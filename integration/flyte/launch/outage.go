// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"regexp"

	"drydock/executor"
	"drydock/integration/flyte/objects"
)

// unreachable is how the SDK's storage client (obstore) says that nobody
// listens where drydock's storage was.
var unreachable = regexp.MustCompile(`(?s)Generic S3 error: .{0,200}https?://(localhost|127\.0\.0\.1|\[::1\]|\w+\.drydock\.internal):\d+/` +
	regexp.QuoteMeta(objects.Bucket) + `/.*(Connect|tcp connect error)`)

// outage reports whether an attempt failed because no drydock was up for
// longer than the SDK's storage client is patient (some 20 s). The SDK takes
// that for a failure of the user's.
func (e evidence) outage() bool {
	if !e.adopted || !e.program {
		return false
	}
	if e.left.failure != nil {
		return unreachable.MatchString(e.left.failure.GetMessage())
	}
	// It could not even write that down; its log has it.
	last := e.last()
	return e.result.Verdict.Class == executor.Failed && last != nil && unreachable.MatchString(last.Outcome.Tail)
}
