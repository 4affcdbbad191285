// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/http"
	"slices"
	"strconv"

	"drydock/integration/flyte/engine"
)

// How often a page asks again while something on it can change, in seconds.
const (
	refreshRun  = 2
	refreshList = 5
)

// runPage is the page of one run.
type runPage struct {
	Title           string
	Name, Task      string
	Project, Domain string
	Phase           phase
	Created         stamp
	Lasted          string
	Counts          []count
	Actions         []actionView
	Cut             int // actions that are left out
	Refresh         int
	Paused          bool // the reader stopped the refreshing
	Path            string
}

type count struct {
	Phase phase
	N     int
}

// maxActions is how many actions a page shows; a browser can do more, but
// nobody reads them.
const maxActions = 2000

func (p *pages) run(w http.ResponseWriter, r *http.Request) {
	id := runID(r)
	run, err := p.Source.Run(id)
	var actions []*engine.Action
	if err == nil {
		actions, err = p.Source.Actions(id)
	}
	if err != nil {
		p.failed(w, err, "There is no run "+id.Name+" in project "+id.Project+", domain "+id.Domain+
			". Runs are kept in the state directory of the drydock that ran them.")
		return
	}
	page := p.runPage(run, actions)
	page.Path = RunPath(id)
	page.Paused = r.URL.Query().Get("refresh") == "off"
	if page.Paused {
		page.Refresh = 0
	}
	p.render(w, http.StatusOK, "run.html", page)
}

func (p *pages) runPage(run *engine.Run, actions []*engine.Action) runPage {
	page := runPage{Title: run.ID.Name, Name: run.ID.Name, Project: run.ID.Project, Domain: run.ID.Domain, Created: p.stamp(run.Created)}
	page.Counts = counts(actions)
	nodes := tree(actions)
	if len(nodes) > maxActions {
		page.Cut, nodes = len(nodes)-maxActions, nodes[:maxActions]
	}
	for _, n := range nodes {
		page.Actions = append(page.Actions, p.actionView(n.action, n.depth))
	}
	for _, a := range actions {
		if a.Parent == "" {
			page.Task, page.Phase = NameOf(a), phaseOf(a)
			page.Lasted = lasted(span(run.Created, a.Ended, p.Now()))
		}
		if !a.Done() {
			page.Refresh = refreshRun
		}
	}
	return page
}

type treeNode struct {
	action *engine.Action
	depth  int
}

// tree puts children behind their parent, brothers in the order of their
// creation. What has no known parent stands at the end.
func tree(actions []*engine.Action) []treeNode {
	children := map[string][]*engine.Action{}
	known := map[string]bool{}
	for _, a := range actions {
		children[a.Parent] = append(children[a.Parent], a)
		known[a.ID.Name] = true
	}
	var nodes []treeNode
	seen := map[string]bool{}
	var add func(parent string, depth int)
	add = func(parent string, depth int) {
		for _, a := range children[parent] {
			if !seen[a.ID.Name] {
				seen[a.ID.Name] = true
				nodes = append(nodes, treeNode{a, depth})
				add(a.ID.Name, depth+1)
			}
		}
	}
	add("", 0)
	for _, a := range actions {
		if !seen[a.ID.Name] && !known[a.Parent] {
			add(a.Parent, 0)
		}
	}
	return nodes
}

func counts(actions []*engine.Action) []count {
	var all []count
	for _, a := range actions {
		ph := phaseOf(a)
		i := slices.IndexFunc(all, func(c count) bool { return c.Phase == ph })
		if i < 0 {
			all, i = append(all, count{Phase: ph}), len(all)
		}
		all[i].N++
	}
	return all
}

// attemptPath is below a run's path.
func attemptPath(id engine.ActionID, attempt int, what string) string {
	return RunPath(id.Run) + "/actions/" + pathEscape(id.Name) + "/attempts/" + strconv.Itoa(attempt) + "/" + what
}
