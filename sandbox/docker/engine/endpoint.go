// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/config"
	clicontext "github.com/docker/cli/cli/context"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/docker/client"
	"golang.org/x/sys/unix"
)

// The sockets that are looked at when nobody names one, in this order. They
// are Docker's own, Docker's without root, and then Podman's: a machine that
// has both gets Docker, as the docker command does.
const (
	dockerSocket   = "/var/run/docker.sock"
	rootlessSocket = "docker.sock" // below XDG_RUNTIME_DIR
	podmanSocket   = "/run/podman/podman.sock"
	podmanUser     = "podman/podman.sock" // below XDG_RUNTIME_DIR
)

// target is where an engine is, and who said so.
type target struct {
	docker.Endpoint
	host      string
	origin    string // "DOCKER_HOST", "context remote", "the default socket"
	configDir string
}

// resolve chooses the endpoint as the docker command does: a host that was
// named beats DOCKER_HOST, that beats DOCKER_CONTEXT, that beats the current
// context of the docker config. A context that was named beats the variables.
func resolve(c Config) (target, error) {
	if c.Host != "" && c.Context != "" {
		return target{}, unsupported(fmt.Sprintf("both an engine's endpoint (%s) and a docker context (%s) are given", c.Host, c.Context), "leave one of them out")
	}
	dir := cmp.Or(c.ConfigDir, os.Getenv(config.EnvOverrideConfigDir), config.Dir())
	host, origin := c.Host, "the endpoint that was given"
	if host == "" && c.Context == "" {
		host, origin = os.Getenv(client.EnvOverrideHost), client.EnvOverrideHost
	}
	if host != "" {
		return fromHost(host, origin, dir)
	}
	name, origin, err := contextName(c, dir)
	if err != nil {
		return target{}, err
	}
	if name != "" && name != "default" {
		return fromContext(name, origin, dir)
	}
	return fromHost("unix://"+firstOf(usualSockets()), "the default socket", dir)
}

// contextName returns the context in force and who says so; "": none.
func contextName(c Config, dir string) (name, origin string, err error) {
	if c.Context != "" {
		return c.Context, "the context that was given", nil
	}
	if name := os.Getenv("DOCKER_CONTEXT"); name != "" {
		return name, "DOCKER_CONTEXT", nil
	}
	file, err := config.Load(dir)
	if err != nil {
		return "", "", unsupported("docker's configuration cannot be read: "+err.Error(), "mend the file, or set DOCKER_CONFIG to another directory")
	}
	return file.CurrentContext, "currentContext of " + file.Filename, nil
}

func fromContext(name, origin, dir string) (target, error) {
	contexts := store.New(filepath.Join(dir, "contexts"), store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} }),
	))
	wrong := func(err error) (target, error) {
		remedy := fmt.Sprintf("see `docker context ls` and choose another one (%s says %q)", origin, name)
		return target{}, unsupported(fmt.Sprintf("docker context %q: %v", name, err), remedy)
	}
	meta, err := contexts.GetMetadata(name)
	if err != nil {
		return wrong(err)
	}
	base, err := docker.EndpointFromContext(meta)
	if err != nil {
		return wrong(err)
	}
	endpoint, err := docker.WithTLSData(contexts, name, base)
	if err != nil {
		return wrong(err)
	}
	if endpoint.Host == "" {
		return wrong(fmt.Errorf("it names no endpoint"))
	}
	return target{Endpoint: endpoint, host: endpoint.Host, origin: "context " + name, configDir: dir}, nil
}

// fromHost makes a target of an endpoint's address and the TLS variables.
func fromHost(host, origin, dir string) (target, error) {
	t := target{host: host, origin: origin, configDir: dir}
	t.Host = host
	if _, _, ok := strings.Cut(host, "://"); !ok {
		return target{}, unsupported(fmt.Sprintf("%q is no engine's endpoint (%s)", host, origin), "write it as unix:///path, tcp://host:port or ssh://user@host")
	}
	verify := os.Getenv(client.EnvTLSVerify) != ""
	if !verify && os.Getenv("DOCKER_TLS") == "" || strings.HasPrefix(host, "unix://") {
		return t, nil
	}
	t.SkipTLSVerify = !verify
	certs := cmp.Or(os.Getenv(client.EnvOverrideCertPath), dir)
	var err error
	t.TLSData, err = clicontext.TLSDataFromFiles(present(certs, "ca.pem"), present(certs, "cert.pem"), present(certs, "key.pem"))
	if err != nil {
		return target{}, unsupported("the TLS material for the engine cannot be read: "+err.Error(), "mend it, or set DOCKER_CERT_PATH to the right directory")
	}
	return t, nil
}

func present(dir, name string) string {
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// usualSockets are the default sockets in order.
func usualSockets() []string {
	sockets := []string{dockerSocket}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		sockets = append(sockets, filepath.Join(dir, rootlessSocket), filepath.Join(dir, podmanUser))
	}
	return append(sockets, podmanSocket)
}

// firstOf is the first of the sockets that this user may write to, else the
// first that exists, else the first: what is wrong with it is then reported.
func firstOf(sockets []string) string {
	exists := ""
	for _, socket := range sockets {
		if info, err := os.Stat(socket); err != nil || info.Mode().Type() != os.ModeSocket {
			continue
		}
		if unix.Access(socket, unix.W_OK) == nil {
			return socket
		}
		exists = cmp.Or(exists, socket)
	}
	return cmp.Or(exists, sockets[0])
}

// client makes the client for the endpoint. Nothing is asked yet.
func (t target) client() (*client.Client, error) {
	options, err := t.ClientOpts()
	if err != nil {
		return nil, err
	}
	dial, err := throughProgram(t.Host)
	if err != nil {
		return nil, err
	}
	if dial != nil {
		options = append(options, client.WithDialContext(dial))
	}
	return client.NewClientWithOpts(append(options, client.WithUserAgent("drydock"))...)
}
