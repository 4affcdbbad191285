// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/launch/python"
	"drydock/resources"
)

// Config says what a Server works with. StateDir and Executor are required.
type Config struct {
	// StateDir is where runs, objects and attempts are kept: the Executor's.
	StateDir string
	// Executor runs attempts.
	Executor *executor.Executor
	// Images says how tasks run in images; nil: all run on this machine's own
	// root file system.
	Images *Images
	// Profile is the Executor's, for what messages say of it.
	Profile resources.Profile

	Listen string // "": DefaultListen
	Token  string // what other machines must show; "": there is none

	// Python is the interpreter that tasks run with, a program or the directory
	// of a virtual environment; "": see python.Find.
	Python string
	Getenv func(string) string // nil: os.Getenv

	SecretsDir string // where tasks' secrets lie as files; "": there are none
	MaxQueued  int    // see engine.Config

	Private bool   // it ends with a drydock flyte, and says so to others
	LogFile string // where its output goes, for others to know; "": a terminal
	Version string // of drydock

	Log *slog.Logger     // what goes wrong inside; nil: nothing is told
	Now func() time.Time // nil: time.Now

	// For tests: these replace what runs attempts and finds Python.
	launcher   engine.Launcher
	findPython func(ctx context.Context) (python.Python, error)
}

func (c *Config) complete() error {
	if c.StateDir == "" {
		return errors.New("flyte: Config.StateDir is empty")
	}
	if c.Executor == nil && c.launcher == nil {
		return errors.New("flyte: Config.Executor is nil")
	}
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.Getenv == nil {
		c.Getenv = os.Getenv
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.findPython == nil {
		c.findPython = func(ctx context.Context) (python.Python, error) { return python.Find(ctx, c.Python, c.Getenv) }
	}
	return CheckListen(c.Listen, c.Token != "")
}

// Sandbox is what the server runs tasks in, in the words of --sandbox.
func (c *Config) Sandbox() string {
	switch {
	case c.Images == nil:
		return "native"
	case c.Images.Only:
		return "docker"
	}
	return "auto"
}
