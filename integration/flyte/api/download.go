// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/dataproxy"
	"drydock/integration/flyte/flyteidl2/task"
)

// CreateDownloadLink gives a URL of an attempt's report, or of the code that
// an action or a deployed task runs.
func (s dataService) CreateDownloadLink(ctx context.Context, req *connect.Request[dataproxy.CreateDownloadLinkRequest]) (*connect.Response[dataproxy.CreateDownloadLinkResponse], error) {
	m := req.Msg
	uri, err := s.artifact(m)
	if err != nil {
		return nil, err
	}
	key, err := s.Objects.Key(uri)
	if err != nil {
		return nil, notFound("%s is not in drydock's store: %w", uri, err)
	}
	if _, err := s.Objects.MD5(ctx, key); err != nil {
		if isAbsent(err) {
			return nil, notFound("there is no %s", uri)
		}
		return nil, err
	}
	expires := s.Now().Add(expiry(m.GetExpiresIn()))
	url, err := s.Objects.SignDownload(baseURL(ctx), key, expires)
	if err != nil {
		return nil, invalid("%w", err)
	}
	return connect.NewResponse(&dataproxy.CreateDownloadLinkResponse{
		PreSignedUrls: &dataproxy.PreSignedURLs{SignedUrl: []string{url}, ExpiresAt: timestamppb.New(expires)}}), nil
}

func (s dataService) artifact(m *dataproxy.CreateDownloadLinkRequest) (string, error) {
	switch m.GetArtifactType() {
	case dataproxy.ArtifactType_ARTIFACT_TYPE_REPORT:
		if m.GetActionAttemptId() == nil {
			return "", invalid("a report is an action's: its identifier is missing")
		}
		return s.report(m.GetActionAttemptId())
	case dataproxy.ArtifactType_ARTIFACT_TYPE_CODE_BUNDLE:
		return s.codeBundle(m)
	}
	return "", invalid("drydock has no artifacts of type %s", m.GetArtifactType())
}

func (s dataService) report(id *common.ActionAttemptIdentifier) (string, error) {
	_, a, err := s.find(id.GetActionId())
	if err != nil {
		return "", err
	}
	dir := ""
	if at := attemptOf(a, id.GetAttempt()); at != nil {
		dir = at.OutputURI
	} else if len(a.Attempts) == 0 && id.GetAttempt() <= attemptCount(a) { // outputs from the cache
		dir = a.OutputURI
	} else {
		return "", noAttempt(a, id.GetAttempt())
	}
	if dir == "" || a.Task == nil {
		return "", notFound("action %s of run %s has no report", a.ID.Name, a.ID.Run.Name)
	}
	return dir + "/" + reportFile, nil
}

func (s dataService) codeBundle(m *dataproxy.CreateDownloadLinkRequest) (string, error) {
	var spec *task.TaskSpec
	switch of := m.GetSource().(type) {
	case *dataproxy.CreateDownloadLinkRequest_ActionAttemptId:
		_, a, err := s.find(of.ActionAttemptId.GetActionId())
		if err != nil {
			return "", err
		}
		spec = a.Task.GetSpec()
	case *dataproxy.CreateDownloadLinkRequest_TaskId:
		details, err := s.deployed(of.TaskId)
		if err != nil {
			return "", err
		}
		spec = details.GetSpec()
	default:
		return "", invalid("a code bundle is an action's or a task's: its identifier is missing")
	}
	uri := bundleURI(spec)
	if uri == "" {
		return "", notFound("the task's code is in its image, not in a bundle")
	}
	return uri, nil
}

// bundleURI finds where a task's code is: the SDK says so to the task itself,
// in its arguments, and newer ones in the metadata, too.
func bundleURI(spec *task.TaskSpec) string {
	args := spec.GetTaskTemplate().GetContainer().GetArgs()
	for _, flag := range []string{"--tgz", "--pkl"} {
		if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
			return strings.Trim(args[i+1], `"'`)
		}
	}
	return spec.GetTaskTemplate().GetMetadata().GetCodeBundleUri()
}
