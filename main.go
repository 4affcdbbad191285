// SPDX-License-Identifier: Apache-2.0

// Command drydock runs Flyte 2 tasks on one workstation the way the cluster
// would: the same resources, the same limits, the same kill, the same verdict.
package main

import (
	"context"
	"os"

	"drydock/gpu/nvml"
	"drydock/internal/cli"
	"drydock/sandbox/docker"
)

// version and commit are set by the linker (see the Makefile).
var (
	version = "dev"
	commit  = ""
)

func main() {
	docker.HandOver() // where this process is an attempt's supervisor
	nvml.HandOver()   // where it reads the GPUs
	os.Exit(cli.Main(context.Background(), cli.Host(cli.Build{Version: version, Commit: commit})))
}
