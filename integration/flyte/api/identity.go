// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"connectrpc.com/connect"

	"drydock/integration/flyte/flyteidl2/auth"
)

type identityService struct{ *server }

// UserInfo names the one user there is.
func (s identityService) UserInfo(context.Context, *connect.Request[auth.UserInfoRequest]) (*connect.Response[auth.UserInfoResponse], error) {
	return connect.NewResponse(&auth.UserInfoResponse{Subject: s.User, Name: s.User, PreferredUsername: s.User}), nil
}
