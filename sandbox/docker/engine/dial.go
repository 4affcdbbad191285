// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// probe connects to a Unix socket once: the client's own errors do not say
// what is wrong with one, and the connection tells who is behind it.
func (t target) probe(ctx context.Context, limit time.Duration) (peer, error) {
	path, ok := strings.CutPrefix(t.host, "unix://")
	if !ok {
		return peer{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return peer{}, t.refuse(err)
	}
	defer conn.Close()
	return peerOf(conn.(*net.UnixConn)), nil
}

// refuse says what an error of the first contact means and what to do.
func (t target) refuse(err error) error {
	where := fmt.Sprintf("%s (%s)", t.host, t.origin)
	has := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(err.Error(), word) {
				return true
			}
		}
		return false
	}
	switch {
	case strings.HasPrefix(t.host, "ssh://"):
		return unsupported(fmt.Sprintf("no container engine over %s: %s", where, oneLine(err)),
			"see whether `ssh` gets there without asking and `docker system dial-stdio` works there")
	case errors.Is(err, fs.ErrPermission) || has("permission denied"):
		return unsupported("no permission to use the container engine at "+where,
			"add yourself to the group of the socket (`sudo usermod -aG docker $USER`, then log in anew) or use sudo")
	case errors.Is(err, fs.ErrNotExist):
		return t.absent(where)
	case errors.Is(err, syscall.ECONNREFUSED) || has("connection refused", "Cannot connect to the Docker daemon"):
		return unsupported("no container engine answers at "+where, t.startIt())
	case KindOf(err) == Slow, errors.Is(err, context.DeadlineExceeded):
		return unsupported(fmt.Sprintf("the container engine at %s does not answer: %v", where, err), "see whether it hangs, and restart it (`sudo systemctl restart docker`)")
	case has("TLS", "x509:", "certificate", "tls:"), has("HTTP response to HTTPS", "HTTP request to an HTTPS"):
		return unsupported(fmt.Sprintf("no trusted connection with the container engine at %s: %s", where, oneLine(err)),
			"set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH to the directory with its ca.pem, cert.pem and key.pem, or mend the context's")
	}
	return unsupported(fmt.Sprintf("the container engine at %s cannot be used: %s", where, oneLine(err)), "see whether `docker version` gets an answer, or name another engine by DOCKER_HOST or `docker context use`")
}

// absent is for a socket that is not there.
func (t target) absent(where string) error {
	if !installed() && t.origin == "the default socket" {
		return unsupported("there is no container engine on this machine (no socket "+dockerSocket+")",
			"install Docker Engine (Debian: `sudo apt-get install docker.io`) or Podman, or name one by DOCKER_HOST")
	}
	return unsupported("no container engine runs at "+where, t.startIt())
}

func installed() bool {
	for _, program := range []string{"dockerd", "docker", "podman"} {
		if _, err := exec.LookPath(program); err == nil {
			return true
		}
	}
	return false
}

// startIt tells how the engine that should be there is started.
func (t target) startIt() string {
	start := "start it (`sudo systemctl start docker`)"
	if strings.Contains(t.host, "podman") {
		start = "start it (`systemctl start podman.socket`, for your own one with --user)"
	}
	if t.origin == "the default socket" {
		return start + ", or name another engine by DOCKER_HOST or `docker context use`"
	}
	return start + ", or change " + t.origin
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// hostName is this machine's; "": not known.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
