// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/reflect/protoreflect"

	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/actions/actionsconnect"
	"drydock/integration/flyte/flyteidl2/auth"
	"drydock/integration/flyte/flyteidl2/auth/authconnect"
	"drydock/integration/flyte/flyteidl2/cluster"
	"drydock/integration/flyte/flyteidl2/cluster/clusterconnect"
	"drydock/integration/flyte/flyteidl2/dataproxy"
	"drydock/integration/flyte/flyteidl2/dataproxy/dataproxyconnect"
	"drydock/integration/flyte/flyteidl2/project"
	"drydock/integration/flyte/flyteidl2/project/projectconnect"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/flyteidl2/task/taskconnect"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/integration/flyte/flyteidl2/workflow/workflowconnect"
)

// PathPrefix is how the paths of all methods begin.
const PathPrefix = "/flyteidl2."

// New returns the handler of all paths with PathPrefix. Streams stay open for
// hours and are flushed after each message: the server must have no timeout
// for reading or writing, and nothing around the handler may hide
// http.Flusher.
func New(c Config) (http.Handler, error) {
	s, err := newServer(c)
	if err != nil {
		return nil, err
	}
	return &root{server: s, methods: s.methods(), refuse: connect.NewErrorWriter(), limit: maxMessage}, nil
}

// methods returns the handlers by path.
func (s *server) methods() map[string]http.Handler {
	options := connect.WithHandlerOptions(
		connect.WithInterceptors(edge{s}),
		connect.WithReadMaxBytes(maxMessage),
		connect.WithCompressMinBytes(1<<10),
	)
	methods := map[string]http.Handler{}
	add := func(file protoreflect.FileDescriptor, service protoreflect.Name) func(string, http.Handler) {
		return func(path string, h http.Handler) {
			all := file.Services().ByName(service).Methods()
			for i := range all.Len() {
				methods[path+string(all.Get(i).Name())] = h
			}
		}
	}
	add(cluster.File_flyteidl2_cluster_cluster_proto, "ClusterService")(clusterconnect.NewClusterServiceHandler(clusterService{}, options))
	add(auth.File_flyteidl2_auth_auth_proto, "IdentityService")(authconnect.NewIdentityServiceHandler(identityService{s}, options))
	add(project.File_flyteidl2_project_project_proto, "ProjectService")(projectconnect.NewProjectServiceHandler(projectService{s}, options))
	add(task.File_flyteidl2_task_task_proto, "TaskService")(taskconnect.NewTaskServiceHandler(taskService{s}, options))
	add(dataproxy.File_flyteidl2_dataproxy_dataproxy_proto, "DataProxyService")(dataproxyconnect.NewDataProxyServiceHandler(dataService{s}, options))
	add(actions.File_flyteidl2_actions_actions_proto, "ActionsService")(actionsconnect.NewActionsServiceHandler(actionsService{s}, options))
	add(workflow.File_flyteidl2_workflow_workflow_proto, "RunService")(workflowconnect.NewRunServiceHandler(runService{s}, options))
	add(workflow.File_flyteidl2_workflow_workflow_proto, "RunLogsService")(workflowconnect.NewRunLogsServiceHandler(runLogsService{s}, options))
	return methods
}

// root is the way in.
type root struct {
	*server
	methods map[string]http.Handler
	refuse  *connect.ErrorWriter
	limit   int64 // bytes of a request
}

func (h *root) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, ok := strings.CutPrefix(r.URL.Path, PathPrefix)
	if !ok {
		http.NotFound(w, r)
		return
	}
	serve, known := h.methods[r.URL.Path]
	if !known {
		h.write(w, r, unserved(method))
		return
	}
	if err := decode(w, r, h.limit); err != nil {
		h.write(w, r, err)
		return
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	serve.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), baseKey{}, scheme+"://"+r.Host)))
}

// write answers with an error in the form that the request wants.
func (h *root) write(w http.ResponseWriter, r *http.Request, err error) {
	// Only a client that has gone already cannot be written to.
	_ = h.refuse.Write(w, r, err)
}

type baseKey struct{}

// baseURL is how the caller of a method reaches this server.
func baseURL(ctx context.Context) string {
	base, _ := ctx.Value(baseKey{}).(string)
	return base
}

// edge is around every method: it gives errors their codes and keeps the
// server alive when a method panics.
type edge struct{ *server }

var _ connect.Interceptor = edge{}

func (e edge) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (res connect.AnyResponse, err error) {
		defer e.recovered(req.Spec(), &err)
		res, err = next(ctx, req)
		return res, e.settle(req.Spec(), err)
	}
}

func (e edge) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) (err error) {
		defer e.recovered(conn.Spec(), &err)
		return e.settle(conn.Spec(), next(ctx, conn))
	}
}

func (e edge) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (e edge) settle(spec connect.Spec, err error) error {
	err = coded(err)
	if connect.CodeOf(err) == connect.CodeInternal && err != nil {
		e.Warn(fmt.Sprintf("%s failed: %v", spec.Procedure, err))
	}
	return err
}

func (e edge) recovered(spec connect.Spec, err *error) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	e.Warn(fmt.Sprintf("%s failed: panic: %v\n%s", spec.Procedure, p, debug.Stack()))
	*err = connect.NewError(connect.CodeInternal, errors.New("drydock made a mistake; its log says which"))
}
