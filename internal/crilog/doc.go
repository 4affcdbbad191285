// SPDX-License-Identifier: Apache-2.0

// Package crilog reads the logs of attempts, which drydock-shim writes in the
// format of the kubelet's container logs (the CRI log format, kubernetes
// pkg/kubelet/kuberuntime/logs): "TIME STREAM TAG CONTENT", tag F for what
// ends a line of the program and P for a piece of one.
//
// Follow reads a file while it grows; Parser is the format without the file.
package crilog
