// SPDX-License-Identifier: Apache-2.0

// Command lanes runs the tests of this repository lane by lane (make test),
// prints what failed, the seconds of each lane, how many tests were skipped
// and why, and ends with one line: N passed, N failed, N skipped.
//
//	go run ./internal/lanes [LANE…]
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// lane is a part of the tests that runs as one go test.
type lane struct {
	name     string
	limit    time.Duration
	flags    []string
	packages func(all []string) []string
}

// Tests of package e2e that begin so need a container engine.
const engineTests = "^TestDocker"

var lanes = []lane{
	{name: "unit", limit: 8 * time.Minute, flags: []string{"-race"}, packages: func(all []string) []string {
		return only(all, func(p string) bool { return !wholeSystem(p) && !inGuest(p) && !onEngines(p) })
	}},
	{name: "native", limit: 10 * time.Minute, flags: []string{"-count=1", "-p=1", "-skip=" + engineTests}, packages: func(all []string) []string {
		return only(all, func(p string) bool { return wholeSystem(p) && p != sdkPackage })
	}},
	// Real engines of every kind, started here.
	{name: "docker", limit: 12 * time.Minute, flags: []string{"-count=1", "-p=1"}, packages: func(all []string) []string {
		return only(all, onEngines)
	}},
	// The whole of drydock on them.
	{name: "image", limit: 10 * time.Minute, flags: []string{"-count=1", "-p=1", "-run=" + engineTests}, packages: func(all []string) []string {
		return only(all, func(p string) bool { return p == e2ePackage })
	}},
	// The real SDK: nearly all of it is Python interpreters that start.
	{name: "sdk", limit: 15 * time.Minute, flags: []string{"-count=1", "-p=1"}, packages: func(all []string) []string {
		return only(all, func(p string) bool { return p == sdkPackage })
	}},
	// Machines with cgroup v2 alone, side by side; nearly all of it is emulated
	// processors that run one program at a time.
	{name: "v2", limit: 35 * time.Minute, flags: []string{"-count=1", "-p=1"}, packages: func(all []string) []string {
		return only(all, inGuest)
	}},
}

const (
	e2ePackage = "drydock/integration/e2e"
	sdkPackage = e2ePackage + "/sdk"
)

// onEngines tells the packages whose tests need container engines.
func onEngines(pkg string) bool {
	return strings.HasPrefix(pkg, "drydock/integration/engines") || strings.HasPrefix(pkg, "drydock/sandbox/docker")
}

// inGuest tells the packages whose tests run in a machine of their own.
func inGuest(pkg string) bool { return strings.HasPrefix(pkg, "drydock/integration/guest") }

// wholeSystem tells the packages whose tests start real sandboxes all the time.
func wholeSystem(pkg string) bool {
	return strings.HasPrefix(pkg, e2ePackage) || strings.HasPrefix(pkg, "drydock/sandbox/native")
}

func only(all []string, is func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(all), func(p string) bool { return !is(p) })
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "lanes:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string) error {
	all, err := listPackages(ctx)
	if err != nil {
		return err
	}
	var total tally
	var seconds []string
	for _, l := range lanes {
		pkgs := l.packages(all)
		if len(pkgs) == 0 || len(names) > 0 && !slices.Contains(names, l.name) {
			continue
		}
		fmt.Printf("== %s: go test %s, %d packages\n", l.name, strings.Join(l.flags, " "), len(pkgs))
		start := time.Now()
		t, err := runLane(ctx, l, pkgs)
		if err != nil {
			return err
		}
		took := time.Since(start).Round(time.Second)
		seconds = append(seconds, fmt.Sprintf("%s %d s", l.name, int(took.Seconds())))
		fmt.Printf("== %s: %d s, %s\n\n", l.name, int(took.Seconds()), t.line())
		total.add(t)
	}
	fmt.Println("lanes: " + strings.Join(seconds, ", "))
	fmt.Print(total.whySkipped())
	fmt.Println(total.line())
	if total.failed > 0 {
		return fmt.Errorf("%d tests failed", total.failed)
	}
	return nil
}

func listPackages(ctx context.Context) ([]string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	return strings.Fields(string(out)), nil
}

func runLane(ctx context.Context, l lane, pkgs []string) (tally, error) {
	args := slices.Concat([]string{"test", "-json", "-timeout", l.limit.String()}, l.flags, pkgs)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return tally{}, err
	}
	if err := cmd.Start(); err != nil {
		return tally{}, err
	}
	t, readErr := follow(out, os.Stdout)
	if readErr != nil {
		return t, fmt.Errorf("read the output of go test: %w", readErr)
	}
	// Its exit code says only that something failed, which the tally knows,
	// unless nothing was built at all.
	if err := cmd.Wait(); err != nil && t.failed == 0 {
		t.failed++
		fmt.Println("go test:", err)
	}
	return t, nil
}
