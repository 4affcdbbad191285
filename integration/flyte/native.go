// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/launch"
	"drydock/integration/flyte/launch/python"
	"drydock/integration/flyte/objects"
)

// native is how attempts run on this machine's own root file system.
func (s *Server) native(store *objects.Store, keys *grants) (*launch.Native, error) {
	return launch.New(launch.Config{
		Executor: s.c.Executor, Objects: store, Profile: s.c.Profile, SecretsDir: s.c.SecretsDir,
		Python:      func() (python.Python, error) { return s.Python(s.requests) },
		APIEndpoint: endpoint(s.listener), S3Endpoint: "http://" + endpoint(s.listener),
		Credentials: keys.credentials,
	})
}

// checkTask says why a task cannot run here, in the client's first answer.
func checkTask(l engine.Launcher) func(*task.TaskSpec) error {
	if n, ok := l.(*launch.Native); ok {
		return n.Check
	}
	return nil
}
