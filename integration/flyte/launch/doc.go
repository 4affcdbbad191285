// SPDX-License-Identifier: Apache-2.0

// Package launch turns one attempt of a Flyte action into one task of the
// executor, and that task's end into what the action's parent must see.
//
// Begin with New and Launcher.Launch. On the way in: target.go and pod.go read
// what a TaskSpec wants run, images.go decides in what, template.go, environ.go,
// demand.go and secrets.go fill it in, plan.go and imageplan.go put it together;
// raw.go and carried.go are for what does not know the SDK. On the way out: left.go reads what the
// attempt left in object storage, end.go decides what it all means.
package launch
