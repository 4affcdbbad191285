// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"

	"connectrpc.com/connect"

	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/project"
	"drydock/integration/flyte/registry"
)

type projectService struct{ *server }

func (s projectService) CreateProject(_ context.Context, req *connect.Request[project.CreateProjectRequest]) (*connect.Response[project.CreateProjectResponse], error) {
	p := req.Msg.GetProject()
	if err := checkProject(p); err != nil {
		return nil, err
	}
	if err := s.Registry.CreateProject(p); err != nil {
		return nil, err
	}
	return connect.NewResponse(&project.CreateProjectResponse{}), nil
}

func (s projectService) UpdateProject(_ context.Context, req *connect.Request[project.UpdateProjectRequest]) (*connect.Response[project.UpdateProjectResponse], error) {
	p := req.Msg.GetProject()
	if err := checkProject(p); err != nil {
		return nil, err
	}
	if err := s.Registry.UpdateProject(p); err != nil {
		return nil, err
	}
	return connect.NewResponse(&project.UpdateProjectResponse{}), nil
}

func (s projectService) GetProject(_ context.Context, req *connect.Request[project.GetProjectRequest]) (*connect.Response[project.GetProjectResponse], error) {
	if err := checkName("project", req.Msg.GetId()); err != nil {
		return nil, err
	}
	p, err := s.Registry.Project(req.Msg.GetId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&project.GetProjectResponse{Project: p.Project}), nil
}

func (s projectService) ListProjects(_ context.Context, req *connect.Request[project.ListProjectsRequest]) (*connect.Response[project.ListProjectsResponse], error) {
	m := req.Msg
	filters, err := parseFilters(m.GetFilters())
	if err != nil {
		return nil, err
	}
	match, err := compile(filters, projectFields)
	if err != nil {
		return nil, err
	}
	all, err := s.Registry.Projects()
	if err != nil {
		return nil, err
	}
	list := &common.ListRequest{Limit: m.GetLimit(), Token: m.GetToken(), SortBy: m.GetSortBy()}
	page, next, err := paginate(keep(all, match), list, projectOrders)
	if err != nil {
		return nil, err
	}
	out := &project.Projects{Token: next}
	for _, p := range page {
		out.Projects = append(out.Projects, p.Project)
	}
	return connect.NewResponse(&project.ListProjectsResponse{Projects: out}), nil
}

var projectFields = fields[*registry.Project]{
	"state":       {kind: number, text: func(p *registry.Project) string { return fmt.Sprint(int32(p.GetState())) }},
	"id":          {text: func(p *registry.Project) string { return p.GetId() }},
	"identifier":  {text: func(p *registry.Project) string { return p.GetId() }},
	"name":        {text: func(p *registry.Project) string { return p.GetName() }},
	"description": {text: func(p *registry.Project) string { return p.GetDescription() }},
}

var projectOrders = orders[*registry.Project]{
	"created_at": func(p *registry.Project) string { return timeKey(p.Created) + p.GetId() },
	"name":       func(p *registry.Project) string { return p.GetName() + "\x00" + p.GetId() },
	"id":         func(p *registry.Project) string { return p.GetId() },
}

func checkProject(p *project.Project) error {
	err := checkName("project", p.GetId())
	for _, d := range p.GetDomains() {
		err = first(err, checkName("domain", d.GetId()))
	}
	return err
}
