// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"drydock/integration/engines"
	"drydock/internal/leftover"
	"drydock/internal/need"
)

func TestMain(m *testing.M) { os.Exit(engines.Run(func() int { return run(m) })) }

func run(m *testing.M) int {
	flag.Parse()
	if err := leftover.BecomeSubreaper(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	scratch, err := os.MkdirTemp("", "drydock-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	if err := os.Setenv(leftover.MarkVariable, fmt.Sprint(os.Getpid())); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared.scratch = scratch
	return need.Main(m)
}
