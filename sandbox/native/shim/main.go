// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/sirupsen/logrus"

	"drydock/sandbox/native/shimapi"
)

func main() {
	logrus.SetOutput(io.Discard)
	noHugePages = forgoHugePages()
	control := newControl(os.NewFile(shimapi.ControlFD, "control"))
	config, err := control.config()
	if err != nil {
		fmt.Fprintln(os.Stderr, "drydock-shim:", err)
		fmt.Fprintln(os.Stderr, "drydock-shim is started by drydock; run `drydock run -- COMMAND` instead")
		os.Exit(125)
	}
	// The lease is held by this descriptor for as long as we live.
	lease := os.NewFile(shimapi.LeaseFD, "lease")
	defer lease.Close()

	a := &attempt{config: config, control: control}
	err = control.listen(config.Drydock.Dir)
	if err == nil {
		err = a.run()
	}
	if err != nil {
		control.send(shimapi.Report{Fatal: err.Error()})
		control.close()
		os.Exit(125)
	}
	orphaned := control.gone()
	control.close()
	if orphaned {
		judgeOrphan(config.Drydock.Spec.OnOrphaned)
	}
}

// encodeLine is one JSON document and a newline.
func encodeLine(v any) []byte {
	line, err := json.Marshal(v)
	if err != nil { // only plain structs get here
		panic(err)
	}
	return append(line, '\n')
}
