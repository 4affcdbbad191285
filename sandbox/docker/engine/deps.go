package engine

import (
	_ "github.com/distribution/reference"
	_ "github.com/docker/cli/cli/config"
	_ "github.com/docker/cli/cli/context/docker"
	_ "github.com/docker/cli/cli/context/store"
	_ "github.com/docker/docker/client"
	_ "github.com/docker/docker/api/types/container"
	_ "github.com/docker/docker/pkg/stdcopy"
	_ "github.com/docker/docker-credential-helpers/client"
	_ "github.com/docker/go-connections/sockets"
)
