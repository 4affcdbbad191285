// SPDX-License-Identifier: Apache-2.0

package executor_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"drydock/executor"
	"drydock/resources"
	"drydock/sandbox/sandboxtest"
)

// A task that runs out of memory is told apart from every other failure, with
// the figure to try next, and an override runs it with more. (The example's
// sandbox is the in-memory fake, whose program "hog touch 300" takes 300 MiB;
// without WithSandbox, Run uses this machine's own.)
func ExampleRun() {
	dir, err := os.MkdirTemp("", "drydock-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	on := []executor.RunOption{
		executor.WithSandbox(&sandboxtest.Fake{}), executor.WithStateDir(dir),
	}

	task := executor.Task{
		Command:   []string{"hog", "touch", "300"},
		Resources: resources.Resources{Memory: resources.Of("256Mi")},
	}
	_, err = executor.Run(context.Background(), task, on...)

	var oom *executor.OOMError
	if errors.As(err, &oom) {
		fmt.Println("limit", oom.Limit, "peak", oom.Peak, "next", oom.Suggest)
		fmt.Println(oom.Verdict.Hints[0])

		result, err := executor.Run(context.Background(),
			task.Override(resources.Resources{Memory: resources.Of(oom.Suggest)}), on...)
		fmt.Println(result.Verdict.Class, err)
	}
	// Output:
	// limit 268435456 peak 268435456 next 512Mi
	// try flyte.Resources(memory="512Mi")
	// succeeded <nil>
}
