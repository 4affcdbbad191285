// SPDX-License-Identifier: Apache-2.0

// Package crilog reads the logs of attempts, which drydock-shim writes in the
// format of the kubelet's container logs (the CRI log format, kubernetes
// pkg/kubelet/kuberuntime/logs): "TIME STREAM TAG CONTENT", tag F for what
// ends a line of the program and P for a piece of one.
//
// A log may have several files (see Rotated), as a kubelet rotates them: one
// that is full gets a number, and the oldest go. Reader is the log's bytes
// across its files, Follow its lines while it grows, and Parser the format
// without the files.
package crilog
