// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package cli

import "github.com/urfave/cli/v2"

// The Flyte endpoint needs what only Linux has.
func serverCommands(World) []*cli.Command { return nil }

func serverPages() map[string]page { return nil }
