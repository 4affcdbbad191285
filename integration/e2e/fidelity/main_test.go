// SPDX-License-Identifier: Apache-2.0

package fidelity_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"drydock/integration/engines"
	"drydock/internal/fidelity"
	"drydock/sandbox/docker"
)

var recordFlag = flag.String("fidelity.record", "", "directory for what was seen, or - for the standard output")

func TestMain(m *testing.M) {
	docker.HandOver() // this program is the supervisor, too
	if len(os.Args) == 2 && os.Args[1] == hugeWord {
		os.Exit(mapHuge())
	}
	flag.Parse()
	os.Exit(engines.Main(m))
}

// record keeps a result where the flag says.
func record(r fidelity.Result) error {
	text, err := r.Encode()
	if err != nil || *recordFlag == "" {
		return err
	}
	if *recordFlag == "-" {
		var line bytes.Buffer
		err := json.Compact(&line, text)
		fmt.Printf("%s%s\n", fidelity.RecordMark, line.Bytes())
		return err
	}
	return os.WriteFile(filepath.Join(*recordFlag, r.Backend+".json"), text, 0o644)
}
