// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"strings"
	"testing"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/sandbox"
)

// What obstore 0.9 says, shortened.
const refusedByStorage = `Generic S3 error: Error performing HEAD http://localhost:34589/drydock/uploads/demo/development/ETJ7/fast0f.tar.gz in 20.048167864s, after 3 retries, max_retries: 3, retry_timeout: 180s  - HTTP error: error sending request

Debug source:
Generic {
    store: "S3",
    source: RetryError(
        RetryErrorImpl {
            inner: Http(
                HttpError {
                    kind: Connect,`

func TestOutage(t *testing.T) {
	gaveUp := document(core.ContainerError_RECOVERABLE, user, "GenericError")
	gaveUp.failure.Message = refusedByStorage
	elsewhere := document(core.ContainerError_RECOVERABLE, user, "GenericError")
	elsewhere.failure.Message = "Generic S3 error: Error performing HEAD http://minio:9000/drydock/x in 20s - HTTP error: kind: Connect"
	inside := document(core.ContainerError_RECOVERABLE, user, "GenericError")
	inside.failure.Message = strings.Replace(refusedByStorage, "localhost", "0a1b.drydock.internal", 1)
	silent := func(o *sandbox.Outcome) { o.Tail = refusedByStorage }
	for _, tc := range []struct {
		name    string
		facts   sandbox.Outcome
		left    left
		adopted bool
		retry   engine.Retryable
	}{
		{"told", ended(0, "", nil), gaveUp, true, engine.RetrySystem},
		{"told from a bridge", ended(0, "", nil), inside, true, engine.RetrySystem},
		{"logged", ended(1, "", silent), left{}, true, engine.RetrySystem},
		{"a server was up all the time", ended(0, "", nil), gaveUp, false, engine.RetryUser},
		{"another storage", ended(0, "", nil), elsewhere, true, engine.RetryUser},
		{"succeeded all the same", ended(0, "", silent), left{outputs: true}, true, engine.RetryNever},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := judged(t, tc.facts, tc.left)
			e.adopted = tc.adopted
			end := conclude(e)
			if end.Retry != tc.retry || (tc.retry == engine.RetrySystem) != (end.Error.GetCode() == codeStorage) {
				t.Errorf("retry %v, %v", end.Retry, end.Error)
			}
		})
	}
}
