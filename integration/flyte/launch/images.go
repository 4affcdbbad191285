// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"fmt"
	"time"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/launch/copilot"
	"drydock/sandbox"
)

// Images says how tasks run in the images that they name. Endpoint, Files and
// Dir are required.
type Images struct {
	Engine  string          // what runs them, for messages: "Docker Engine 28.5.2"
	Network sandbox.Network // of every task in an image: host or bridge
	// Only refuses tasks that name no image, rather than running them on this
	// machine's own root file system.
	Only bool

	// Endpoint returns how a run's tasks reach this drydock from inside.
	Endpoint func(engine.RunID) Endpoint
	// Reached reports whether any task of a run has ever reached it; nil: not
	// known.
	Reached func(engine.RunID) bool
	// Warn tells whoever runs drydock that tasks do not reach it; nil: nobody.
	Warn func(text string)

	// Files is the object storage, for tasks that do not speak to it.
	Files copilot.Store
	// Dir holds files for attempts while they run, each in a directory of the
	// attempt's id. The engine has to see it by the same path.
	Dir string
	// Apart is why the engine does not see this machine's files; "": it does.
	Apart string
}

// Endpoint is where this drydock is for an attempt.
type Endpoint struct {
	API   string   // "localhost:8090"
	S3    string   // "http://localhost:8090"
	Hosts []string // lines of /etc/hosts that the names above need: "name:address"
	Name  string   // that no proxy may be asked about, beside loopback's; "": none
	Shown string   // for messages: the name is the run's own, and opens the door
}

func (i *Images) endpoint(run engine.RunID) Endpoint {
	if i == nil { // an attempt of a server that had some
		return Endpoint{}
	}
	return i.Endpoint(run)
}

func (i *Images) reached(run engine.RunID) bool {
	return i == nil || i.Reached == nil || i.Reached(run)
}

// imageOf decides in what a task runs, by nothing but what it and whoever
// started drydock up say: a run must not change with what the engine happens to
// have. why is for people.
func (l *Launcher) imageOf(want target) (why string, inImage bool) {
	switch {
	case l.c.Images == nil:
		return "--native", false
	case want.image == "":
		return "the task names no image", false
	}
	return "the task names an image", true
}

// reachPatience is how long the SDK's program may be silent after its start
// before that is worth a word: alone it asks for its inputs within a second,
// and where what it sends is dropped it goes on trying for longer than this.
const reachPatience = 15 * time.Second

// watched passes an attempt's events on to see, and warns when its program runs
// and nothing of its run reaches this drydock. stop ends the watch.
func (l *Launcher) watched(o engine.Order, p plan, see func(executor.Event)) (events func(executor.Event), stop func()) {
	i := l.c.Images
	if p.task.Image == "" || !p.python || i.Warn == nil {
		return see, func() {}
	}
	timer := time.AfterFunc(time.Hour, func() {
		if i.reached(o.Run.ID) {
			return
		}
		text := fmt.Sprintf("nothing has come from inside %s for %v after task %s of run %s began there, where drydock is %s; %s",
			p.task.Image, reachPatience, p.task.Name, o.Run.ID.Name, i.endpoint(o.Run.ID).Shown, openTheWay)
		i.Warn(text)
		o.Progress(engine.Progress{Notes: withNote(p.notes, text)}) // until the end, which says it in its own words
	})
	timer.Stop()
	return func(e executor.Event) {
		if e.Started != nil {
			timer.Reset(reachPatience)
		}
		see(e)
	}, func() { timer.Stop() }
}

// openTheWay is what to do where nothing comes from a container.
const openTheWay = "a firewall of this machine may drop what comes from the engine's bridge (iptables -I INPUT -i docker0 -j ACCEPT lets it in); or start drydock up with --network host"
