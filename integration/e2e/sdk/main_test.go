// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"drydock/integration/engines"
	"drydock/internal/leftover"
)

func TestMain(m *testing.M) {
	os.Exit(engines.Run(func() int { return run(m) })) // a process of theirs is this program, too
}

func run(m *testing.M) int {
	flag.Parse()
	if err := leftover.BecomeSubreaper(); err != nil {
		return fail(err)
	}
	scratch, err := os.MkdirTemp("", "drydock-sdk-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(scratch)
	if err := os.Setenv(leftover.MarkVariable, fmt.Sprint(os.Getpid())); err != nil {
		return fail(err)
	}
	shared.scratch = scratch
	before := leftover.Take()
	code := engines.Main(m) // and they have ended when it is looked for what is left
	for _, err := range shared.stop() {
		code = fail(err)
	}
	items := before.Since(5 * time.Second)
	for _, item := range items {
		code = fail(item)
	}
	leftover.Kill(items)
	return code
}

func fail(what any) int {
	fmt.Fprintln(os.Stderr, what)
	return 1
}
