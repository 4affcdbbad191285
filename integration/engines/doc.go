// SPDX-License-Identifier: Apache-2.0

// Package engines gives tests real container engines: Debian's Docker Engine
// 20.10, a 28.5 built from its Go module, and Debian's Podman with its
// compatible socket. Nothing has to be installed by hand or run beforehand.
//
//	func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }
//
//	for _, e := range engines.All(t) {
//		t.Run(e.Name, func(t *testing.T) { … e.Socket … engines.Busybox(t, e) … })
//	}
//
// Each engine has a private socket, data directory, bridge and parent cgroup,
// and touches neither the machine's own engine nor its packet filter. One of a
// kind serves all tests of a process (Docker20, Docker28, Podman); a test that
// kills or stops it has one of its own (Own).
//
// Engines end with the test process, however that ends: each is the child of a
// guard, which is the test binary once more, and when the guard's standard
// input closes it ends the engine with all its containers and removes what
// they leave: mounts, cgroups, the bridge, files.
//
// Images are made here, nothing is pulled (Busybox, Python, SDKImage, Variant);
// Registry serves them to engines that are to pull.
//
// It is test support; the product does not use it. It speaks to the engines'
// API in plain HTTP: the client library is one package's alone.
package engines
