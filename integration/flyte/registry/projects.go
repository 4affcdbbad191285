// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/book"
	"drydock/integration/flyte/flyteidl2/project"
)

// DefaultProject is there from the beginning, as in Flyte.
const DefaultProject = "flytesnacks"

// Domains are those that a new project has, as in Flyte.
var Domains = []string{"development", "staging", "production"}

// Project is a project and when it was made.
type Project struct {
	*project.Project
	Created time.Time
}

// record is how a project is written down.
type record struct {
	Created time.Time `json:"created"`
	Project []byte    `json:"project"`
}

// Touch makes a project, and a domain of it, unless they are there: whoever
// names one in a run or a deployment has it. Error: ErrInvalid.
func (r *Registry) Touch(id, domain string) error {
	name := [2]string{id, domain}
	r.mu.Lock()
	known := r.known[name]
	r.mu.Unlock()
	if known {
		return nil
	}
	if _, err := key(id, domain); err != nil {
		return err
	}
	err := r.book.Batch(func(tx book.Tx) error {
		p, err := getProject(tx, id)
		switch {
		case err != nil:
			return err
		case p == nil:
			p = &Project{newProject(&project.Project{Id: id, Name: id}), r.stamp()}
		case hasDomain(p.Project, domain):
			return nil
		}
		if !hasDomain(p.Project, domain) {
			p.Domains = append(p.Domains, &project.Domain{Id: domain, Name: domain})
		}
		return putProject(tx, p)
	})
	if err == nil {
		r.mu.Lock()
		r.known[name] = true
		r.mu.Unlock()
	}
	return err
}

// CreateProject makes a project; one without domains gets the usual ones.
// Errors: ErrExists, ErrInvalid.
func (r *Registry) CreateProject(p *project.Project) error {
	if _, err := key(p.GetId()); err != nil {
		return err
	}
	return r.book.Update(func(tx book.Tx) error {
		old, err := getProject(tx, p.GetId())
		if err != nil {
			return err
		}
		if old != nil {
			return fmt.Errorf("project %s: %w", p.GetId(), ErrExists)
		}
		return putProject(tx, &Project{newProject(p), r.stamp()})
	})
}

// UpdateProject replaces a project's description, but for domains that are
// not given. Error: ErrNotFound.
func (r *Registry) UpdateProject(p *project.Project) error {
	return r.book.Update(func(tx book.Tx) error {
		old, err := getProject(tx, p.GetId())
		if err != nil {
			return err
		}
		if old == nil {
			return fmt.Errorf("project %s: %w", p.GetId(), ErrNotFound)
		}
		p = proto.CloneOf(p)
		for _, d := range old.Domains { // runs may lie in them
			if !hasDomain(p, d.GetId()) {
				p.Domains = append(p.Domains, d)
			}
		}
		return putProject(tx, &Project{p, old.Created})
	})
}

// Project returns a project. Error: ErrNotFound.
func (r *Registry) Project(id string) (p *Project, err error) {
	err = r.book.View(func(tx book.Tx) (err error) {
		p, err = getProject(tx, id)
		return err
	})
	if err == nil && p == nil {
		err = fmt.Errorf("project %s: %w", id, ErrNotFound)
	}
	return p, err
}

// Projects returns all projects, the oldest first.
func (r *Registry) Projects() (all []*Project, err error) {
	err = r.book.View(func(tx book.Tx) (err error) {
		tx.Scan(book.Projects, "", "", func(k string, value []byte) bool {
			var p *Project
			if p, err = decodeProject(k, value); err != nil {
				return false
			}
			all = append(all, p)
			return true
		})
		return err
	})
	slices.SortStableFunc(all, func(a, b *Project) int { return a.Created.Compare(b.Created) })
	return all, err
}

func newProject(p *project.Project) *project.Project {
	p = proto.CloneOf(p)
	if p.Name == "" {
		p.Name = p.Id
	}
	if len(p.Domains) == 0 {
		for _, d := range Domains {
			p.Domains = append(p.Domains, &project.Domain{Id: d, Name: d})
		}
	}
	return p
}

func hasDomain(p *project.Project, id string) bool {
	return slices.ContainsFunc(p.GetDomains(), func(d *project.Domain) bool { return d.GetId() == id })
}

// getProject returns nil when there is none.
func getProject(tx book.Tx, id string) (*Project, error) {
	value := tx.Get(book.Projects, id)
	if value == nil {
		return nil, nil
	}
	return decodeProject(id, value)
}

func decodeProject(id string, value []byte) (*Project, error) {
	var rec record
	p := &Project{Project: &project.Project{}}
	err := json.Unmarshal(value, &rec)
	if err == nil {
		err = proto.Unmarshal(rec.Project, p.Project)
	}
	if err != nil {
		return nil, fmt.Errorf("the record of project %s: %w", id, err)
	}
	p.Created = rec.Created
	return p, nil
}

func putProject(tx book.Tx, p *Project) error {
	data, err := proto.Marshal(p.Project)
	if err != nil {
		return fmt.Errorf("%w: project %s: %w", ErrInvalid, p.GetId(), err)
	}
	value, err := json.Marshal(record{p.Created, data})
	if err != nil {
		return err
	}
	return tx.Put(book.Projects, p.GetId(), value)
}
