// SPDX-License-Identifier: Apache-2.0

package docker_test

import (
	"os"
	"testing"

	"drydock/integration/engines"
	"drydock/sandbox/docker"
)

func TestMain(m *testing.M) {
	docker.HandOver() // this program is the supervisor, too
	os.Exit(engines.Main(m))
}
