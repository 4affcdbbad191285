// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"connectrpc.com/connect"

	"drydock/integration/flyte"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/integration/flyte/flyteidl2/workflow/workflowconnect"
)

// fakeVenv makes what looks like a virtual environment with flyte in it; its
// flyte command is fakeFlyte.
func fakeVenv(dir string) error {
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	answer := fmt.Sprintf(`{"executable":"%[1]s/bin/python3","prefix":"%[1]s","base_prefix":"%[1]s","version":"3.11.7","sdk":"2.12.1","origin":"%[1]s/flyte","path":[],"scripts":["%[1]s/bin"],"user_base":"","user_site":""}`, dir)
	for name, text := range map[string]string{
		"python3": "echo '" + answer + "'\n",
		"a0":      "exit 1\n",
		"flyte":   "exec fakeflyte \"$@\"\n",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// endServers kills what a script that failed has left in the background.
func endServers(workDir string) {
	for _, dir := range []string{".own/state", "other"} {
		home := flyte.Home{StateDir: filepath.Join(workDir, dir)}
		if info, err := home.Running(); err == nil && info != nil && info.PID > 0 {
			_ = syscall.Kill(info.PID, syscall.SIGKILL)
		}
	}
}

// fakeFlyte is a program that does with an endpoint what the flyte command
// does. The run of
//
//	flyte --endpoint HOST:PORT --insecure run --name NAME WORD…
//
// is one container of hog words (see sandboxtest.Fake), in an image where they
// begin with "in IMAGE". "exit N" exits with N; every other verb prints the command line and what it was given.
func fakeFlyte() {
	args := os.Args[1:]
	verb := slices.IndexFunc(args, func(a string) bool { return a == "run" || a == "get" || a == "exit" })
	if verb < 0 || len(args) < 3 || args[0] != "--endpoint" || args[2] != "--insecure" {
		fmt.Fprintln(os.Stderr, "not as drydock calls flyte:", args)
		os.Exit(2)
	}
	rest := args[verb+1:]
	switch args[verb] {
	case "exit":
		code := 0
		_, _ = fmt.Sscan(rest[0], &code)
		os.Exit(code)
	case "get":
		fmt.Println("flyte", args[3:], os.Getenv("FLYTE_TASK_PROJECT"), os.Getenv("FLYTE_TASK_DOMAIN"), filepath.Base(os.Getenv("FLYTECTL_CONFIG")),
			os.Getenv("FLYTE_AWS_ENDPOINT") == "http://"+args[1], os.Getenv("FLYTE_AWS_SECRET_ACCESS_KEY") != "")
		return
	}
	if len(rest) > 0 && rest[len(rest)-1] == "--help" {
		fmt.Println("help of run")
		return
	}
	id := &common.RunIdentifier{Project: "demo", Domain: "development"}
	for len(rest) > 1 && len(rest[0]) > 2 && rest[0][:2] == "--" {
		switch rest[0] {
		case "--name":
			id.Name = rest[1]
		case "--project":
			id.Project = rest[1]
		}
		rest = rest[2:]
	}
	if err := fakeRun(args[1], id, rest); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("Created Run:", id.Name)
}

func fakeRun(endpoint string, id *common.RunIdentifier, words []string) error {
	container := &core.Container{Resources: &core.Resources{
		Requests: []*core.Resources_ResourceEntry{{Name: core.Resources_MEMORY, Value: "64Mi"}}}}
	if len(words) > 1 && words[0] == "in" {
		container.Image, words = words[1], words[2:]
	}
	container.Args = append([]string{"hog"}, words...)
	template := &core.TaskTemplate{
		Id:     &core.Identifier{ResourceType: core.ResourceType_TASK, Project: id.Project, Domain: id.Domain, Name: "env.job", Version: "v1"},
		Type:   "container",
		Target: &core.TaskTemplate_Container{Container: container},
	}
	c := workflowconnect.NewRunServiceClient(http.DefaultClient, "http://"+endpoint)
	_, err := c.CreateRun(context.Background(), connect.NewRequest(&workflow.CreateRunRequest{
		Id:   &workflow.CreateRunRequest_RunId{RunId: id},
		Task: &workflow.CreateRunRequest_TaskSpec{TaskSpec: &task.TaskSpec{ShortName: "job", TaskTemplate: template}},
	}))
	return err
}
