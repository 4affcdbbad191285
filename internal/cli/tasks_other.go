// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package cli

import (
	"context"

	"github.com/urfave/cli/v2"

	"drydock/internal/config"
)

// Tasks run on Linux only.
func taskCommands(World) []*cli.Command { return nil }

func taskPages() map[string]page { return nil }

func settleAll(context.Context, World, doctorOptions) error { return nil }

// retaining has nothing to remove: no task ever ran.
func retaining(context.Context, World, *config.Settings, bool) (end func()) { return func() {} }
