// SPDX-License-Identifier: Apache-2.0

// Package limits turns a completed demand into the numbers that the kernel is
// given: CPU shares and quota, memory, the size of /dev/shm, processes.
//
// The formulas are the kubelet's (pkg/kubelet/cm/helpers_linux.go,
// pkg/kubelet/kuberuntime/kuberuntime_container_linux.go,
// pkg/volume/emptydir/empty_dir.go), so that a task is held as tightly here
// as on a cluster. The package is pure: it asks the machine nothing. Begin
// with From.
package limits
