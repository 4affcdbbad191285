// SPDX-License-Identifier: Apache-2.0

//go:build failpoint

package failpoint

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// armed are the steps to die at.
var armed = strings.Split(os.Getenv(Variable), ",")

// At kills this process, as kill -9 does, if it is to die at the step.
func At(s Step) {
	if slices.Contains(armed, string(s)) {
		_ = os.WriteFile(filepath.Join(os.Getenv(TombVariable), string(s)), []byte(strconv.Itoa(os.Getpid())), 0o644)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // it is on its way
	}
}

// Env is what a supervisor's environment must hold for its failpoints.
func Env() []string {
	return []string{Variable + "=" + os.Getenv(Variable), TombVariable + "=" + os.Getenv(TombVariable)}
}
