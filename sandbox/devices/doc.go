// SPDX-License-Identifier: Apache-2.0

// Package devices is what the sandboxes have in common about an attempt's
// accelerators: it looks the device nodes up on this machine and refuses what
// none of them may pass on. Begin with Find.
package devices
