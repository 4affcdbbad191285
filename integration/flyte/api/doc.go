// SPDX-License-Identifier: Apache-2.0

// Package api is the Connect services that Flyte's clients and running tasks
// call: it checks what they send, asks the engine, the registry and the
// object store, and says the answer in Flyte's words. It keeps no state of
// its own but for uploads that were announced and have not come.
//
// Begin with New. What every request passes through stands in serve.go and
// body.go, how errors become codes in errors.go, how the engine's snapshots
// become messages in view.go and attempts.go; each service has its own file.
//
// The rules come from the SDK (flyte 2.12.1 with flyteidl2 2.0.51) and, where
// it leaves open what a server does, from flyteorg/flyte.
package api
