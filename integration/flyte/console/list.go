// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/http"
	"net/url"

	"drydock/integration/flyte/engine"
)

// listLength is how many runs a page shows.
const listLength = 100

// listPage is the page of runs.
type listPage struct {
	Title   string
	Scope   string // "demo / development"; "": all
	Rows    []listRow
	Next    string // URL of the next page; "": there is none
	Refresh int    // seconds; 0: nothing here changes by itself
	Host    string // as the reader knows this server
}

type listRow struct {
	Name, URL       string
	Task            string
	Project, Domain string
	Phase           phase
	Created         stamp
	Lasted          string
	Error           string // first line
}

// list shows runs, newest first: all, a project's or a task's.
func (p *pages) list(w http.ResponseWriter, r *http.Request) {
	project, domain, task := r.PathValue("project"), r.PathValue("domain"), r.PathValue("task")
	f := engine.RunFilter{Project: project, Domain: domain, Limit: listLength, Token: r.URL.Query().Get("token")}
	page := listPage{Title: "Runs", Host: r.Host}
	if project != "" {
		page.Scope = project + " / " + domain
	}
	if task != "" {
		page.Title = "Runs of " + task
		f.Match = func(_ *engine.Run, root *engine.Action) bool { return isOf(root, task) }
	}
	runs, roots, next, err := p.Source.Runs(f)
	if err != nil {
		p.failed(w, err, "There are no such runs.")
		return
	}
	now := p.Now()
	for i, run := range runs {
		root := roots[i]
		if !root.Done() && f.Token == "" {
			page.Refresh = refreshList
		}
		page.Rows = append(page.Rows, listRow{
			Name: run.ID.Name, URL: RunPath(run.ID), Task: NameOf(root),
			Project: run.ID.Project, Domain: run.ID.Domain, Phase: phaseOf(root),
			Created: p.stamp(run.Created), Lasted: lasted(span(run.Created, root.Ended, now)),
			Error: firstLine(root.Error.GetMessage()),
		})
	}
	if next != "" {
		page.Next = r.URL.Path + "?token=" + url.QueryEscape(next)
	}
	p.render(w, http.StatusOK, "list.html", page)
}

// isOf reports whether an action calls the task of that name: in full,
// ENVIRONMENT.TASK, as the SDK prints it, or as pages show it.
func isOf(a *engine.Action, task string) bool {
	return task == NameOf(a) || task == a.Task.GetId().GetName() || task == a.Task.GetSpec().GetTaskTemplate().GetId().GetName()
}

// RunPath is the path of a run's page; the SDK prints it as part of a URL.
func RunPath(id engine.RunID) string {
	return "/v2/domain/" + url.PathEscape(id.Domain) + "/project/" + url.PathEscape(id.Project) + "/runs/" + url.PathEscape(id.Name)
}
