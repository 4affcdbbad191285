// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"io"
	"net"
	"os"
	"testing"

	"drydock/integration/engines"
)

// sshVariable makes this binary take the place of ssh: it is the socket to
// connect stdin and stdout with.
const sshVariable = "DRYDOCK_TEST_SSH"

func TestMain(m *testing.M) {
	if socket := os.Getenv(sshVariable); socket != "" {
		os.Exit(dialStdio(socket))
	}
	os.Exit(engines.Main(m))
}

func dialStdio(socket string) int {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return 255
	}
	go func() { _, _ = io.Copy(conn, os.Stdin); _ = conn.(*net.UnixConn).CloseWrite() }()
	if _, err := io.Copy(os.Stdout, conn); err != nil {
		return 255
	}
	return 0
}
