// SPDX-License-Identifier: Apache-2.0

// Package sysfs finds AMD GPUs, Gaudis, Neuron devices and TPUs by what the
// kernel shows below a root directory ("/" on a real machine, a fixture in
// tests). None of it was run on such hardware: it goes by the kernel's
// sources and the vendors' own plugins, which each reader names.
package sysfs
