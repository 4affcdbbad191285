// SPDX-License-Identifier: Apache-2.0

// Package dark keeps bubbletea from asking the terminal for its background
// colour. Its init does so, in every program that holds it and whatever the
// program is told to do: each drydock run on a terminal would write an escape
// sequence, swallow what is typed meanwhile, and wait for up to five seconds
// where nobody answers (a pseudo terminal of a script).
//
// lipgloss does not ask when it was told. Go initialises packages in the order
// of their import paths, as soon as what they import is (since Go 1.21, the
// language specification, "Program initialization"): this one, whose path
// begins with drydock, comes before github.com/charmbracelet/bubbletea.
package dark

import "github.com/charmbracelet/lipgloss"

func init() { lipgloss.SetHasDarkBackground(true) }
