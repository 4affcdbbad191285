// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import "github.com/urfave/cli/v2"

// serverCommands are the commands of the Flyte endpoint.
func serverCommands(w World) []*cli.Command {
	return []*cli.Command{newUpCommand(w), newFlyteCommand(w), newStatusCommand(w), newDownCommand(w), newServeCommand(w)}
}

func serverPages() map[string]page {
	return map[string]page{"up": upPage, "flyte": flytePage, "status": statusPage, "down": downPage}
}
