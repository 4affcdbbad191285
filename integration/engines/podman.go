// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// podmanCommand starts the service with settings of its own, so that the
// machine's do not matter.
func podmanCommand(program string, p plan) (argv, env []string, err error) {
	at := func(name string) string { return filepath.Join(p.Dir, name) }
	limits, err := ownLimits()
	if err != nil {
		return nil, nil, err
	}
	for name, content := range map[string]string{
		// Debian's crun refuses limits where cgroup v1 and v2 are both mounted.
		"containers.conf":          fmt.Sprintf(containersConf, limits),
		"storage.conf":             fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n", p.Root, at("run")),
		"registries.conf":          "unqualified-search-registries = []\n[[registry]]\nlocation = \"127.0.0.1\"\ninsecure = true\n",
		"networks/podman.conflist": fmt.Sprintf(podmanNetwork, p.Bridge, subnet(p.Bridge), at("addresses")),
	} {
		err := os.MkdirAll(filepath.Dir(at(name)), 0o755)
		if err == nil {
			err = os.WriteFile(at(name), []byte(content), 0o644)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return []string{
			program, "--tmpdir", at("tmp"), "--network-config-dir", at("networks"),
			"system", "service", "--time", "0", "unix://" + p.Socket,
		}, []string{
			"CONTAINERS_CONF=" + at("containers.conf"), "CONTAINERS_STORAGE_CONF=" + at("storage.conf"),
			"CONTAINERS_REGISTRIES_CONF=" + at("registries.conf"),
		}, nil
}

// podmanParent is the cgroup under which Podman's lie unless a container asks
// for another. No setting moves it.
const podmanParent = "libpod_parent"

// containersConf takes the limits.
const containersConf = `[containers]
default_ulimits = [%s]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_backend = "cni"
`

// podmanNetwork is Podman's default network without its rules for the packet
// filter; it takes the bridge, its network, and a directory.
const podmanNetwork = `{"cniVersion": "0.4.0", "name": "podman", "plugins": [
  {"type": "bridge", "bridge": %q, "isGateway": true, "hairpinMode": true, "ipMasq": false,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "%s"}]], "routes": [{"dst": "0.0.0.0/0"}], "dataDir": %q}},
  {"type": "tuning"}
]}
`

// ownLimits are those limits of every container that Podman would raise beyond
// what a root without CAP_SYS_RESOURCE may. It lowers its own number of
// processes to the largest PID first.
func ownLimits() (string, error) {
	content, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil {
		return "", err
	}
	processes, err := strconv.ParseUint(strings.TrimSpace(string(content)), 10, 64)
	if err != nil {
		return "", err
	}
	var files, most unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return "", err
	}
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &most); err != nil {
		return "", err
	}
	processes = min(processes, most.Max)
	return fmt.Sprintf(`"nofile=%d:%d", "nproc=%d:%d"`, files.Max, files.Max, processes, processes), nil
}
