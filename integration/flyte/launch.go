// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/launch"
	"drydock/integration/flyte/launch/python"
	"drydock/integration/flyte/objects"
)

// launch is how attempts run.
func (s *Server) launch(store *objects.Store, keys *grants) (*launch.Launcher, error) {
	return launch.New(launch.Config{
		Executor: s.c.Executor, Objects: store, Profile: s.c.Profile, SecretsDir: s.c.SecretsDir,
		Python:      func() (python.Python, error) { return s.Python(s.requests) },
		APIEndpoint: endpoint(s.listener), S3Endpoint: "http://" + endpoint(s.listener),
		Credentials: keys.credentials, Images: s.launchImages(store, keys),
	})
}

// checkTask says why a task cannot run here, in the client's first answer.
func checkTask(l engine.Launcher) func(*task.TaskSpec) error {
	if n, ok := l.(*launch.Launcher); ok {
		return n.Check
	}
	return nil
}
