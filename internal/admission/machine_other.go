// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package admission

import (
	"errors"

	"drydock/sandbox"
)

// Machine is Linux's alone: its locks and their clock are.
type Machine struct{ *Local }

var errLinuxOnly = errors.New("sharing the machine between processes works on Linux only; give the executor a Capacity of its own")

// NewMachine is not supported here.
func NewMachine(string, sandbox.Amounts) (*Machine, error) { return nil, errLinuxOnly }

// Shared is not supported here.
func Shared(string, sandbox.Amounts) (*Machine, error) { return nil, errLinuxOnly }

// Read is not supported here.
func Read(string) (Snapshot, error) { return Snapshot{}, errLinuxOnly }
