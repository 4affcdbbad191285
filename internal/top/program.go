// SPDX-License-Identifier: Apache-2.0

package top

import (
	"context"
	"errors"
	"io"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	_ "drydock/internal/top/dark" // before bubbletea asks the terminal
)

// Source takes a snapshot. It is called by one goroutine at a time.
type Source func(context.Context) (Snapshot, error)

// Run shows what source says on a terminal, anew every interval, until a key
// or ctx ends it. It gives the terminal back as it was.
func Run(ctx context.Context, source Source, interval time.Duration, look Look, in io.Reader, out io.Writer) error {
	m := model{ctx: ctx, source: source, interval: interval, look: look, order: ByAge}
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithAltScreen(), tea.WithoutSignalHandler())
	end, err := p.Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil // ctx's end is a wish
	}
	if err != nil {
		return err
	}
	return end.(model).err
}

// model is what the screen shows.
type model struct {
	ctx      context.Context
	source   Source
	interval time.Duration
	look     Look
	order    Order
	latest   *Snapshot // nil: none yet
	err      error
}

var _ tea.Model = model{}

// taken is a snapshot, or why there is none.
type taken struct {
	snapshot Snapshot
	err      error
}

type due struct{} // time for the next snapshot

func (m model) Init() tea.Cmd { return m.take }

func (m model) take() tea.Msg {
	s, err := m.source(m.ctx)
	return taken{s, err}
}

func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.look.Width, m.look.Height = msg.Width, msg.Height
	case taken:
		if msg.err != nil {
			m.err = msg.err
			return m, tea.Quit
		}
		m.latest = &msg.snapshot
		return m, tea.Tick(m.interval, func(time.Time) tea.Msg { return due{} })
	case due:
		return m, m.take
	case tea.KeyMsg:
		switch msg.String() {
		case "q", "ctrl+c", "esc":
			return m, tea.Quit
		case "a":
			m.order = ByAge
		case "c":
			m.order = ByCPU
		case "m":
			m.order = ByMemory
		case "d":
			m.order = ByDisk
		case "g":
			m.order = ByGPU
		}
	}
	return m, nil
}

func (m model) View() string {
	if m.latest == nil {
		return "looking…\n"
	}
	s := *m.latest
	s.Tasks = append([]Task(nil), s.Tasks...)
	s.Sort(m.order)
	look := m.look
	if look.Height > 0 {
		look.Height = max(1, look.Height-2) // the help's line, and the last line's end
	}
	return Text(s, look) + m.look.Style.Dim(shorten(helpText(m.order, m.look.Unicode), m.look.Width))
}

func helpText(by Order, unicode bool) string {
	dot := "·"
	if !unicode {
		dot = "-"
	}
	return "sorted by " + string(by) + " " + dot + " a age, c CPU, m memory, d disk, g GPU, q quit"
}
