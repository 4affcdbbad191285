// SPDX-License-Identifier: Apache-2.0

// Package launch turns one attempt of a Flyte action into one task of the
// executor, and that task's end into what the action's parent must see.
//
// Begin with New and Native.Launch. On the way in: target.go and pod.go read
// what a TaskSpec wants run, template.go, environ.go, demand.go and secrets.go
// fill it in, plan.go puts it together. On the way out: left.go reads what the
// attempt left in object storage, end.go decides what it all means.
package launch
