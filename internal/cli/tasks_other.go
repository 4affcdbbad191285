// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package cli

import (
	"context"

	"github.com/urfave/cli/v2"
)

// Tasks run on Linux only.
func taskCommands(World) []*cli.Command { return nil }

func taskPages() map[string]page { return nil }

func settleAll(context.Context, World, doctorOptions) error { return nil }
