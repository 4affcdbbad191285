// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"

	"github.com/sirupsen/logrus"

	"drydock/sandbox/native/shimapi"
	"drydock/sandbox/supervise"
	"drydock/sandbox/supervise/wire"
)

func main() {
	logrus.SetOutput(io.Discard)
	noHugePages = forgoHugePages()
	control := supervise.NewControl()
	config, err := configuration(control)
	if err != nil {
		fmt.Fprintln(os.Stderr, "drydock-shim:", err)
		fmt.Fprintln(os.Stderr, "drydock-shim is started by drydock; run `drydock run -- COMMAND` instead")
		control.Fail(err, nil)
		os.Exit(wire.FailedExit)
	}
	// The lease is held by this descriptor for as long as we live.
	lease := os.NewFile(wire.LeaseFD, "lease")
	defer lease.Close()

	err = control.Follow(config.Drydock.Dir)
	if err == nil {
		err = newAttempt(config, control).Run()
	}
	if err != nil {
		control.Fail(err, config.Drydock.Spec.OnOrphaned)
		os.Exit(wire.FailedExit)
	}
	control.End(config.Drydock.Spec.OnOrphaned)
}

// configuration reads what drydock wants, in a version that we know.
func configuration(control *supervise.Control) (*shimapi.Config, error) {
	var config shimapi.Config
	if err := control.Configuration(&config); err != nil {
		return nil, err
	}
	if config.Version != shimapi.Version {
		return nil, &shimapi.VersionError{Drydock: config.Version, Shim: shimapi.Version}
	}
	return &config, nil
}
