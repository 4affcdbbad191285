// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/versions"
	"golang.org/x/sys/unix"
)

// adapt evens out where Podman (4.3) does not do what Docker does with the
// same request.
func (e *Engine) adapt(ctx context.Context, c Container) (_ Container, err error) {
	if !e.info.Podman() {
		return c, nil
	}
	if c.ExtraHosts, err = e.gatewayHosts(ctx, c.ExtraHosts); err != nil {
		return c, err
	}
	// Podman fills a tmpfs with what lies below it, and most of ours are there
	// to keep that out of sight.
	c.Tmpfs = slices.Clone(c.Tmpfs)
	for i := range c.Tmpfs {
		t := &c.Tmpfs[i]
		t.Options = strings.TrimPrefix(t.Options+",notmpcopyup", ",")
	}
	// Ours are its limits, too, where the kernel is the same: here, and in a
	// container beside it.
	if e.info.Local || strings.HasPrefix(e.info.Endpoint, "unix://") && e.info.Kernel == kernelRelease() {
		c.Ulimits = ulimits(c.Ulimits)
	}
	if !e.info.Local {
		return c, nil
	}
	// Docker refuses to bind what is not there; Podman makes a directory of it
	// (pkg/specgen, for the sake of Docker's older kind of binds).
	for _, b := range c.Binds {
		if _, err := os.Stat(b.Source); err != nil {
			return c, invalid("bind source path does not exist: " + b.Source)
		}
	}
	return c, nil
}

// cdiPodman is the first whose compatible API takes requests for devices by
// CDI (containers/podman#19338). No Podman takes any others.
const cdiPodman = "5.4"

// DropsRequests says that the engine starts a container without the devices
// that it was asked for by ids, and without a word.
func (i Info) DropsRequests() bool { return i.Podman() && versions.LessThan(i.Version, cdiPodman) }

// Initialise has Podman make a container's processes, up to the program: only
// then it tells which devices they have. Start goes on from there.
func (e *Engine) Initialise(ctx context.Context, id string) error {
	return refusedStart(e.call(ctx, "initialise container", e.limits.change, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://podman/v4.0.0/libpod/containers/"+url.PathEscape(id)+"/init", nil)
		if err != nil {
			return err
		}
		response, err := e.client.HTTPClient().Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode < 300 {
			return nil
		}
		var said struct {
			Message string `json:"message"`
		}
		if err := json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&said); err != nil || said.Message == "" {
			said.Message = response.Status
		}
		return errors.New(said.Message)
	}))
}

func invalid(message string) error {
	return &Error{Call: createCall, Kind: Invalid, Message: message}
}

// gatewayHosts puts an address in the place of "host-gateway", which older
// Podmans write to /etc/hosts as it stands. Without root the gateway is not
// the host, and only Podman knows what is.
func (e *Engine) gatewayHosts(ctx context.Context, hosts []string) ([]string, error) {
	const word = ":host-gateway"
	asks := func(host string) bool { return strings.HasSuffix(host, word) }
	if e.info.Rootless || !slices.ContainsFunc(hosts, asks) {
		return hosts, nil
	}
	gateway, err := e.Gateway(ctx)
	if err != nil {
		return nil, err
	}
	if !gateway.IsValid() {
		return nil, invalid("host-gateway has no address: the engine has no default bridge")
	}
	hosts = slices.Clone(hosts)
	for i, host := range hosts {
		if asks(host) {
			hosts[i] = strings.TrimSuffix(host, word) + ":" + gateway.String()
		}
	}
	return hosts, nil
}

// ulimits completes limits for Podman. Given any, it sets those of files and
// processes that are not among them to 1048576 (specgen/generate/oci.go), and
// where root may not raise limits the container then does not start: they stay
// as they are here, or what the engine lowered its own to: no more processes
// than there are PIDs.
func ulimits(given []Ulimit) []Ulimit {
	if len(given) == 0 {
		return nil
	}
	all := slices.Clone(given)
	for name, which := range map[string]int{"nofile": unix.RLIMIT_NOFILE, "nproc": unix.RLIMIT_NPROC} {
		var now unix.Rlimit
		has := slices.ContainsFunc(given, func(u Ulimit) bool { return strings.EqualFold(u.Name, name) })
		if has || unix.Getrlimit(which, &now) != nil {
			continue
		}
		if most := pidMax(); which == unix.RLIMIT_NPROC && most > 0 {
			now.Cur, now.Max = min(now.Cur, most), min(now.Max, most)
		}
		all = append(all, Ulimit{Name: name, Soft: int64(now.Cur), Hard: int64(now.Max)})
	}
	return all
}

// pidMax is the largest PID there can be; 0: not known.
func pidMax() uint64 {
	content, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil {
		return 0
	}
	most, _ := strconv.ParseUint(strings.TrimSpace(string(content)), 10, 32)
	return most
}
